"""Git repositories for the tests, made on the test's own disk."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

ENVIRONMENT = {
    "PATH": os.environ["PATH"],
    "HOME": "/nonexistent",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_AUTHOR_NAME": "Alice",
    "GIT_AUTHOR_EMAIL": "alice@example.org",
    "GIT_COMMITTER_NAME": "Alice",
    "GIT_COMMITTER_EMAIL": "alice@example.org",
}


def git(folder: Path, *arguments: str, data: bytes | None = None) -> bytes:
    """What git printed."""
    return subprocess.run(
        ["git", *arguments], cwd=folder, env=ENVIRONMENT, input=data, capture_output=True, check=True
    ).stdout


def text(folder: Path, *arguments: str) -> str:
    return git(folder, *arguments).decode().strip()


def make_vault(folder: Path) -> tuple[Path, str]:
    """A bare repository with one commit, and that commit."""
    work = folder / "origin"
    work.mkdir()
    git(work, "init", "-q", "-b", "main")
    (work / "README").write_text("hello\n")
    (work / ".gitignore").write_text("*.log\n")
    (work / "src").mkdir()
    (work / "src" / "a.txt").write_text("one\n")
    git(work, "add", "-A")
    git(work, "commit", "-q", "-m", "first")
    vault = folder / "vault.git"
    git(folder, "clone", "-q", "--bare", str(work), str(vault))
    return vault, text(vault, "rev-parse", "main")


def import_pack(vault: Path, pack: bytes) -> None:
    """Take a pack in, with the strict check."""
    git(vault, "index-pack", "--stdin", "--strict", data=pack)


def files_of(vault: Path, commit: str) -> dict[str, str]:
    """Path to content of every regular file of a commit."""
    names = git(vault, "ls-tree", "-r", "-z", "--name-only", commit).decode().split("\0")
    return {name: git(vault, "cat-file", "blob", f"{commit}:{name}").decode() for name in names if name}

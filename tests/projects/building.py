"""Repositories, packs and hostile objects, made with plain git as an agent or a stranger would make them."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

_ENVIRONMENT = {
    "PATH": os.defpath,
    "HOME": "/nonexistent",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_AUTHOR_NAME": "Bob",
    "GIT_AUTHOR_EMAIL": "bob@example.com",
    "GIT_COMMITTER_NAME": "Bob",
    "GIT_COMMITTER_EMAIL": "bob@example.com",
}


@dataclass(frozen=True)
class Worktree:
    """An ordinary repository with a working tree."""

    path: Path

    @classmethod
    def create(cls, path: Path) -> Worktree:
        path.mkdir(parents=True)
        made = cls(path)
        made.git("init", "--quiet", "--initial-branch=main")
        made.commit({"README.md": b"hello\n"})
        return made

    def git(self, *arguments: str, input: bytes = b"") -> bytes:
        done = subprocess.run(
            ["git", *arguments], cwd=self.path, env=_ENVIRONMENT, input=input, capture_output=True, check=False
        )
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout

    def text(self, *arguments: str, input: bytes = b"") -> str:
        return self.git(*arguments, input=input).decode().strip()

    def commit(self, files: dict[str, bytes], message: str = "change") -> str:
        for name, data in files.items():
            target = self.path / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", message)
        return self.head()

    def head(self) -> str:
        return self.text("rev-parse", "HEAD")

    def blob(self, data: bytes) -> str:
        return self.text("hash-object", "-w", "--stdin", input=data)

    def tree(self, *entries: tuple[str, bytes, str]) -> str:
        """A tree object with these (mode, name, object id), however wicked."""
        data = b"".join(mode.encode() + b" " + name + b"\0" + bytes.fromhex(oid) for mode, name, oid in entries)
        return self.text("hash-object", "-t", "tree", "-w", "--stdin", "--literally", input=data)

    def commit_tree(self, tree: str, *parents: str) -> str:
        return self.text("commit-tree", tree, "-m", "x", *[part for parent in parents for part in ("-p", parent)])

    def pack(self, target: Path, *revisions: str) -> Path:
        """A pack of what the revisions reach; `^x` leaves out what x reaches."""
        target.write_bytes(
            self.git("pack-objects", "--revs", "--stdout", "-q", input="\n".join(revisions).encode() + b"\n")
        )
        return target

    def pack_objects(self, target: Path, *oids: str) -> Path:
        """A pack of exactly these objects."""
        target.write_bytes(self.git("pack-objects", "--stdout", "-q", input="\n".join(oids).encode() + b"\n"))
        return target

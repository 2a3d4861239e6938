"""Bare repositories of the server's own making, and the scratch ones in which everything foreign is checked first."""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Unpack

from django.conf import settings
from uuid_utils.compat import uuid7

from projects import git, refs
from projects.errors import GitFailed, GitTimeout, GitTooLarge, RejectedObjects
from runtime.archives import File

IDENTITY = "Slipway <slipway@localhost>"
CHECK_TIMEOUT_S = 120.0
_CONFIG = """\
[core]
\trepositoryformatversion = 0
\tfilemode = true
\tbare = true
\thooksPath = /dev/null
\tlogAllRefUpdates = false
[gc]
\tauto = 0
[maintenance]
\tauto = false
[transfer]
\tfsckObjects = true
\tunpackLimit = 1
"""
# Old repositories hold objects that are untidy but harmless; hosts take them, and so do imports of a whole repository.
# What can do harm (.git, .., odd .gitmodules, NUL in a header) stays an error.
TOLERATED = (
    "badDate",
    "badDateOverflow",
    "badEmail",
    "badFilemode",
    "badName",
    "badTimezone",
    "emptyName",
    "missingEmail",
    "missingNameBeforeEmail",
    "missingSpaceBeforeDate",
    "missingSpaceBeforeEmail",
    "missingTaggerEntry",
    "badTagName",
    "zeroPaddedDate",
    "zeroPaddedFilemode",
)
# Only hints in git's eyes, yet no honest tree has them.
REFUSED = ("fullPathname", "hasDot", "hasDotdot", "hasDotgit", "nullSha1", "gitmodulesSymlink", "treeNotSorted")


def vault_root() -> Path:
    """The folder of all vaults; nobody but the server may look into it."""
    path = Path(settings.DATA_DIR).resolve() / "vault"
    path.mkdir(parents=True, exist_ok=True, mode=0o700)
    return path


def scratch_root() -> Path:
    """Where unchecked things lie; on the vaults' file system, so that a checked one moves by one rename."""
    path = vault_root() / ".incoming"
    path.mkdir(exist_ok=True, mode=0o700)
    return path


def fsck_config(kind: str, *, is_strict: bool) -> dict[str, str]:
    """Severities for `kind`: `fetch` or `fsck`."""
    prefix = "" if kind == "fsck" else f"{kind}."
    tolerated = {} if is_strict else {f"{prefix}fsck.{name}": "ignore" for name in TOLERATED}
    return {**tolerated, **{f"{prefix}fsck.{name}": "error" for name in REFUSED}}


def create_bare(path: Path, *, alternates: Path | None = None) -> None:
    """An empty bare repository with our config, made without a template and without a process."""
    for folder in ("objects/info", "objects/pack", "refs/heads", "refs/tags"):
        (path / folder).mkdir(parents=True)
    (path / "config").write_text(_CONFIG)
    (path / "HEAD").write_text("ref: refs/heads/main\n")
    if alternates is not None:
        (path / "objects/info/alternates").write_text(f"{alternates}\n")


Watch = Callable[[], None] | None


def text_file(path: str, data: bytes) -> File:
    return File(path, "100644", len(data), lambda: iter([data]))


@dataclass(frozen=True)
class Repository:
    """A bare repository that only the server writes."""

    path: Path

    def git(self, *arguments: str, **options: Unpack[git.Options]) -> git.Result:
        """`git.run` in this repository."""
        return git.run(*arguments, git_dir=self.path, **options)

    def refs(self, *prefixes: str) -> dict[str, str]:
        """Full ref name -> object id, annotated tags not peeled; names that are not UTF-8 are left out."""
        result = self.git("for-each-ref", "--format=%(objectname) %(refname)", *prefixes)
        found = {}
        for line in result.stdout.split(b"\n"):
            oid, _, name = line.partition(b" ")
            with contextlib.suppress(UnicodeDecodeError):
                found[name.decode()] = oid.decode()
        found.pop("", None)
        return found

    def update_refs(self, changes: Mapping[str, str | None]) -> None:
        """Set each ref to its object, or delete it (None), all or none."""
        lines = [
            f"delete {ref}\0\0" if oid is None else f"update {ref}\0{oid}\0\0" for ref, oid in sorted(changes.items())
        ]
        if lines:
            self.git("update-ref", "--stdin", "-z", input="".join(lines).encode())

    def set_head(self, branch: str) -> None:
        self.git("symbolic-ref", "HEAD", f"refs/heads/{refs.require_branch(branch)}")

    def index_pack(
        self, source: Path, *, offset: int = 0, max_bytes: int, is_strict: bool, watch: Watch = None
    ) -> None:
        """Take the pack that begins at `offset` of a file, every object checked. Raises: RejectedObjects."""
        strict = "" if is_strict else "=" + ",".join(f"{name}=ignore" for name in TOLERATED)
        arguments = ["index-pack", f"--strict{strict}", "--stdin", f"--max-input-size={max_bytes}"]
        limits = git.Limits(timeout_s=CHECK_TIMEOUT_S)
        with source.open("rb") as file, rejecting():
            os.lseek(file.fileno(), offset, os.SEEK_SET)
            self.git(*arguments, input_file=file, limits=limits, watch=watch)

    def commit_files(
        self, files: Iterable[File], *, branch: str, message: str, timeout_s: float = CHECK_TIMEOUT_S
    ) -> None:
        """A first commit made from a stream; no path of it ever touches the disk."""
        stream = _fast_import_stream(files, refs.require_branch(branch), message)
        self.git("fast-import", "--quiet", "--done", input=stream, limits=git.Limits(timeout_s=timeout_s))

    def check(self, *, is_strict: bool, watch: Watch = None) -> None:
        """Check every object and every link. Raises: RejectedObjects."""
        net = git.Net(config=fsck_config("fsck", is_strict=is_strict))
        arguments = ("fsck", "--strict", "--full", "--no-dangling", "--no-progress", "--no-reflogs")
        with rejecting():
            self.git(*arguments, net=net, limits=git.Limits(timeout_s=CHECK_TIMEOUT_S), watch=watch)

    def move_to(self, target: Path) -> None:
        """Put a checked repository into place in one step; what an earlier attempt left there is removed."""
        shutil.rmtree(target, ignore_errors=True)
        self.path.rename(target)


@contextlib.contextmanager
def rejecting() -> Iterator[None]:
    """Git's refusal of foreign objects, told as such; its own words go to the log only."""
    try:
        yield
    except (GitFailed, GitTimeout, GitTooLarge) as error:
        if isinstance(error, GitTimeout):
            raise RejectedObjects("Checking the repository took too long.") from error
        raise RejectedObjects from error


@contextlib.contextmanager
def quarantine(*, alternates: Path | None = None, name: str = "") -> Iterator[Repository]:
    """An empty scratch repository; whatever is still there at the end is removed."""
    path = scratch_root() / f"{name or uuid7()}.git"
    try:
        create_bare(path, alternates=alternates)
        yield Repository(path)
    finally:
        shutil.rmtree(path, ignore_errors=True)


def _fast_import_stream(files: Iterable[File], branch: str, message: str) -> Iterator[bytes]:
    text = message.encode()
    yield (
        f"commit refs/heads/{branch}\ncommitter {IDENTITY} {int(time.time())} +0000\ndata {len(text)}\n".encode()
        + text
        + b"\n"
    )
    for file in files:
        yield f"M {file.mode} inline {_quoted(file.path)}\ndata {file.size}\n".encode()
        yield from file.chunks()
        yield b"\n"
    yield b"done\n"


def _quoted(path: str) -> str:
    escaped = path.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'

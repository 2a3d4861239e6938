"""Folders of the server that a sandbox touches: checked before they are mounted, removed whatever is in them."""

from __future__ import annotations

import fcntl
import os
import stat
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from sandbox.errors import SandboxRefused


def check_owned(path: Path) -> None:
    """Refuse a folder that anyone but the server or root could have put there, or could swap for another.

    Raises: SandboxRefused when a component is a link, is missing, or could be replaced by others.
    """
    if not path.is_absolute() or ".." in path.parts:
        raise SandboxRefused(f"{path} is not an absolute path.")
    owners = {0, os.geteuid()}
    for folder in (*reversed(path.parents), path):
        try:
            found = folder.lstat()
        except OSError as error:
            raise SandboxRefused(f"{folder} cannot be used in a sandbox: {error.strerror}.") from error
        if not stat.S_ISDIR(found.st_mode):
            raise SandboxRefused(f"{folder} is not a real folder; name the place itself, without links.")
        is_open_to_others = found.st_mode & stat.S_IWOTH and not found.st_mode & stat.S_ISVTX
        if found.st_uid not in owners or is_open_to_others:
            raise SandboxRefused(f"{folder} could be replaced by others and is not shown in a sandbox.")


def check_targets(targets: Iterable[str]) -> None:
    """Refuse what is no plain place inside. Raises: SandboxRefused."""
    for target in targets:
        if not target.startswith("/") or ".." in Path(target).parts:
            raise SandboxRefused(f"{target} is no place for a mount.")


@contextmanager
def locked(root: Path) -> Iterator[None]:
    """A sandbox's own folder, made when it is missing, for one opener at a time, across processes.

    Raises: SandboxRefused (somebody else opens it).
    """
    make_private(root)
    descriptor = os.open(root / "lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(descriptor)
        raise SandboxRefused("This sandbox is being opened elsewhere.") from error
    try:
        yield
    finally:
        os.close(descriptor)


def make_private(path: Path) -> None:
    """A folder for the server's eyes only; an existing one must be that already."""
    path.mkdir(mode=0o700, exist_ok=True)
    found = path.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
        raise SandboxRefused(f"{path} is not a folder of the server.")


def remove_tree(path: Path) -> None:
    """Remove a folder and all in it, whatever an agent made of it: odd names, no permissions, any depth.

    Sub-folders are first moved next to one another, so that neither the depth of the tree nor the length of its paths
    matters, and links are never followed.
    """
    try:
        if not stat.S_ISDIR(path.lstat().st_mode):
            path.unlink()
            return
    except FileNotFoundError:
        return
    path.chmod(0o700)
    top = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        # The first pass lifts children of the top into names that cannot clash with what comes up from below.
        queue = _empty_into(top, ".", top)
        while queue:
            name = queue.pop()
            queue += _empty_into(top, name, top)
            os.rmdir(name, dir_fd=top)
    finally:
        os.close(top)
    path.rmdir()


def _empty_into(parent: int, name: str, top: int) -> list[str]:
    """Delete the files of a folder, move its folders to the top; give their new names."""
    folder = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=parent)
    try:
        moved = []
        for entry in [os.fsencode(entry) for entry in os.listdir(folder)]:
            if stat.S_ISDIR(os.lstat(entry, dir_fd=folder).st_mode):
                os.chmod(entry, 0o700, dir_fd=folder)
                moved.append(f"removed-{uuid.uuid4().hex}")
                os.rename(entry, moved[-1], src_dir_fd=folder, dst_dir_fd=top)
            else:
                os.unlink(entry, dir_fd=folder)
        return moved
    finally:
        os.close(folder)

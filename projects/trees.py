"""The names of all files and folders of a commit, read from the vault once and kept for a while."""

from __future__ import annotations

import re
import threading
import uuid
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from projects import git
from projects.repository import Repository

MAX_BYTES = 32 * git.MIB  # of the names of one tree
MAX_CHANGED = 200
MAX_NAME = 1000  # characters; nobody points at a longer one
KEPT_BYTES = 64 * git.MIB  # of all names in memory, counted as characters
TIMEOUT_S = 20.0
# What no line of text can hold, or what would hide what follows: such a name cannot be written into a message.
_UNWRITABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ufffd]")


@dataclass(frozen=True)
class Listing:
    """Paths in order, folders with a slash at their end."""

    paths: tuple[str, ...]
    text: str  # the same, folded for comparing, a line each
    is_truncated: bool

    @property
    def size(self) -> int:
        return 2 * len(self.text)

    def top(self) -> list[str]:
        """What lies at the root: folders first."""
        found = [path for path in self.paths if "/" not in path[:-1]]
        return sorted(found, key=lambda path: (not path.endswith("/"), path))


def listing(paths: Iterable[str], *, is_truncated: bool = False) -> Listing:
    """Of the files' paths; their folders are found from them."""
    files = [path for path in paths if path]
    folders = {f"{parent}/" for parent in _folders(files)}
    names = tuple(sorted([*files, *folders]))
    return Listing(names, "\n".join(path.casefold() for path in names), is_truncated)


def read(repository: Repository, commit: str) -> Listing:
    """The tree of a checked object id; names that cannot be written are left out."""
    limits = git.Limits(timeout_s=TIMEOUT_S, stdout_bytes=MAX_BYTES, can_truncate=True)
    result = repository.git("ls-tree", "-r", "-z", "--name-only", "--full-tree", commit, limits=limits)
    return listing(_names(result), is_truncated=result.is_truncated)


def changed(repository: Repository, base: str, head: str) -> list[str]:
    """Files that `head` has and `base` has not, or not so."""
    options = ("-r", "-z", "--name-only", "--no-commit-id", "--no-renames", "--diff-filter=d", "--no-ext-diff")
    limits = git.Limits(timeout_s=TIMEOUT_S, stdout_bytes=MAX_CHANGED * MAX_NAME, can_truncate=True)
    return _names(repository.git("diff-tree", *options, base, head, limits=limits))[:MAX_CHANGED]


def _names(result: git.Result) -> list[str]:
    names = result.stdout.decode(errors="replace").split("\0")[:-1]  # the last is empty, or was cut
    return [name for name in names if len(name) <= MAX_NAME and not _UNWRITABLE.search(name)]


def _folders(files: Iterable[str]) -> set[str]:
    found: set[str] = set()
    for path in files:
        folder = path.rpartition("/")[0]
        while folder and folder not in found:
            found.add(folder)
            folder = folder.rpartition("/")[0]
    return found


class Kept:
    """The listings that were used last, within a bound; a commit's names never change."""

    def __init__(self, most: int = KEPT_BYTES) -> None:
        self._most, self._size = most, 0
        self._lock = threading.Lock()
        self._found: OrderedDict[tuple[uuid.UUID, str], Listing] = OrderedDict()

    def get(self, project_id: uuid.UUID, commit: str, read: Callable[[], Listing]) -> Listing:
        key = (project_id, commit)
        with self._lock:
            if (known := self._found.get(key)) is not None:
                self._found.move_to_end(key)
                return known
        made = read()
        with self._lock:
            if key not in self._found:
                self._found[key] = made
                self._size += made.size
            while self._size > self._most and len(self._found) > 1:
                self._size -= self._found.popitem(last=False)[1].size
        return made


kept = Kept()

"""What changed between two commits, read from the vault under caps; attributes of the tree have no say in it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from projects import git
from projects.errors import GitTimeout
from projects.repository import Repository

MAX_FILES = 3000
MAX_LINES = 50_000
MAX_BYTES = 2 * git.MIB
TIMEOUT_S = 10.0
Status = Literal["added", "modified", "deleted", "renamed"]

_OPTIONS = ("-r", "-M", "--no-ext-diff", "--no-textconv", "--no-color", "--no-relative", "--no-commit-id")
_STATUS: dict[str, Status] = {"A": "added", "C": "added", "D": "deleted", "R": "renamed"}
_HUNK = re.compile(r"@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@")
_COUNTS = re.compile(rb"(\d+|-)\t(\d+|-)\t")


@dataclass(frozen=True)
class Line:
    """One line; `old` and `new` are its numbers on the two sides."""

    kind: str
    text: str
    old: int | None
    new: int | None


@dataclass
class Hunk:
    header: str
    old_start: int
    new_start: int
    lines: list[Line] = field(default_factory=list)


@dataclass
class FileDiff:
    path: str
    old_path: str | None
    status: Status
    old_mode: str
    new_mode: str
    additions: int = 0
    deletions: int = 0
    is_binary: bool = False
    hunks: list[Hunk] = field(default_factory=list)
    sections: int = 1  # a file that becomes a link is shown by git as a deletion and an addition


@dataclass
class Diff:
    base: str
    head: str
    files: list[FileDiff] = field(default_factory=list)
    is_truncated: bool = False

    @property
    def additions(self) -> int:
        return sum(file.additions for file in self.files)

    @property
    def deletions(self) -> int:
        return sum(file.deletions for file in self.files)


def read(repository: Repository, base: str, head: str) -> Diff:
    """The difference between two checked object ids; what exceeds a cap is left out and `is_truncated` set."""
    diff = Diff(base, head)
    try:
        _read_files(repository, diff)
        _read_patch(repository, diff)
    except GitTimeout:
        diff.is_truncated = True
    return diff


def count_files(repository: Repository, base: str, head: str) -> int:
    """How many files differ; the same number that a complete `read` lists."""
    result = repository.git("diff-tree", *_OPTIONS, "--raw", "-z", base, head, limits=_limits(64 * git.MIB))
    return sum(1 for field_ in result.stdout.split(b"\0") if field_.startswith(b":"))


def _limits(stdout_bytes: int) -> git.Limits:
    return git.Limits(timeout_s=TIMEOUT_S, stdout_bytes=stdout_bytes, can_truncate=True)


def _read_files(repository: Repository, diff: Diff) -> None:
    """Names, modes and kinds of change; `-z`, since a name may hold anything but NUL and slash."""
    arguments = ("diff-tree", *_OPTIONS, "--raw", "-z", diff.base, diff.head)
    result = repository.git(*arguments, limits=_limits(16 * git.MIB))
    for file in _parse_raw(result.stdout):
        if len(diff.files) == MAX_FILES:
            diff.is_truncated = True
            break
        diff.files.append(file)
    diff.is_truncated |= result.is_truncated


def _parse_raw(raw: bytes) -> Iterator[FileDiff]:
    fields = iter(raw.split(b"\0")[:-1])
    for meta in fields:
        old_mode, new_mode, _, _, status = meta.decode().lstrip(":").split(" ")
        first = next(fields, None)
        second = next(fields, None) if status[0] in "RC" else first
        if first is None or second is None:
            return
        letter = status[0]
        yield FileDiff(
            path=second.decode(errors="replace"),
            old_path=first.decode(errors="replace") if letter == "R" else None,
            status=_STATUS.get(letter, "modified"),
            old_mode=old_mode,
            new_mode=new_mode,
            sections=2 if letter == "T" else 1,
        )


def _read_patch(repository: Repository, diff: Diff) -> None:
    """Counts and hunks, matched to the files by their order, which is that of the raw list."""
    if not diff.files:
        return
    arguments = ("diff-tree", *_OPTIONS, "--numstat", "--patch", diff.base, diff.head)
    result = repository.git(*arguments, limits=_limits(MAX_BYTES + 400 * MAX_FILES))
    counts, patch = _split(result.stdout)
    for file, (added, deleted) in zip(diff.files, counts, strict=False):
        file.is_binary = added == b"-"
        if not file.is_binary:
            file.additions, file.deletions = int(added), int(deleted)
    diff.is_truncated |= result.is_truncated or len(patch) > MAX_BYTES
    sections = re.split(rb"^diff --git .*\n", patch[:MAX_BYTES], flags=re.MULTILINE)[1:]
    if diff.is_truncated and sections:
        sections.pop()  # cut somewhere inside
    _assign(diff, sections)


def _split(output: bytes) -> tuple[list[tuple[bytes, bytes]], bytes]:
    """The numstat lines, and the patch that follows them after an empty line."""
    counts, position = [], 0
    while match := _COUNTS.match(output, position):
        counts.append((match[1], match[2]))
        position = output.find(b"\n", position) + 1 or len(output)
    return counts, output[position:]


def _assign(diff: Diff, sections: list[bytes]) -> None:
    remaining, lines_left = iter(sections), MAX_LINES
    for file in diff.files:
        for section in [part for _, part in zip(range(file.sections), remaining, strict=False)]:
            if section.count(b"\n") > lines_left:
                diff.is_truncated = True
                return
            hunks = _parse_hunks(section)
            lines_left -= sum(len(hunk.lines) for hunk in hunks)
            file.hunks += hunks


def _parse_hunks(section: bytes) -> list[Hunk]:
    hunks: list[Hunk] = []
    old = new = 0
    # Only the newline ends a line: a carriage return or a form feed is text.
    for text in section.decode(errors="replace").split("\n"):
        if match := _HUNK.match(text):
            old, new = int(match[1]), int(match[3])
            hunks.append(Hunk(text, old, new))
        elif hunks and text[:1] in ("+", "-", " "):
            kind = text[0]
            hunks[-1].lines.append(Line(kind, text[1:], None if kind == "+" else old, None if kind == "-" else new))
            old += kind != "+"
            new += kind != "-"
    return hunks

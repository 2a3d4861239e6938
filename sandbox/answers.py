"""What the guest's answers become: small frozen values, read strictly, because the sandbox may lie."""

from __future__ import annotations

import posixpath
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from sandbox.errors import BadAnswer

OBJECT_ID = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")
MAX_TEXT = 64 * 2**10
MAX_ENTRIES = 10_000


@dataclass(frozen=True)
class Hello:
    """Who answers inside."""

    protocol: int
    python: str
    pid: int
    """The guest's own, as it sees itself."""


@dataclass(frozen=True)
class Paths:
    """Where things are inside."""

    home: str
    work: str
    gateway_socket: str

    @property
    def ssh_agent(self) -> str:
        """Where a lent SSH agent is: beside the gateway."""
        return posixpath.join(posixpath.dirname(self.gateway_socket), "agent.sock")


@dataclass(frozen=True)
class Exit:
    """How a process ended: exactly one of the two is set."""

    exit_code: int | None
    signal: int | None


@dataclass(frozen=True)
class Result:
    """What a command left behind; `exit_code` is minus the signal for one that was killed."""

    exit_code: int
    stdout: bytes
    stderr: bytes
    is_truncated: bool


@dataclass(frozen=True)
class AgentStatus:
    """How an agent run is. Not alive and neither `exit_code` nor `signal`: it was lost together with its holder."""

    exists: bool
    is_alive: bool
    pid: int | None
    exit_code: int | None
    signal: int | None
    size_bytes: int
    stderr_tail: str
    is_disk_full: bool = False
    """The sandbox's disk has no room left now."""
    oom_killed: bool = False
    """It was killed while the kernel was ending processes for want of memory."""


@dataclass(frozen=True)
class Room:
    """What the sandbox's disk has left."""

    free_bytes: int
    is_full: bool


@dataclass(frozen=True)
class Transcript:
    """Whether an agent's record of its conversation can be resumed: `state` is sound, repaired or missing."""

    state: str
    lost: int


@dataclass(frozen=True)
class FileInfo:
    """One file as `stat` and `list_dir` tell it; `kind` is file, folder, link or other."""

    name: str
    kind: str
    size_bytes: int
    mode: int
    modified_at: float
    target: str | None


@dataclass(frozen=True)
class GitState:
    """The work tree's repository: the commit of HEAD (None before the first), and whether anything differs from it."""

    head: str | None
    is_dirty: bool


@dataclass(frozen=True)
class Snapshot:
    """The work tree as a commit. `pack` holds what `known` lacks and may be read once, or not at all."""

    commit: str
    is_dirty: bool
    notes: list[str]
    pack: AsyncIterator[bytes]


@dataclass(frozen=True)
class TerminalInfo:
    """One terminal that the guest holds."""

    id: str
    is_alive: bool
    rows: int
    cols: int
    client_count: int


class Answer:
    """A JSON object from the guest, read field by field."""

    def __init__(self, value: object) -> None:
        if not isinstance(value, dict):
            raise BadAnswer
        self._value: dict[str, Any] = value

    def text(self, name: str, limit: int = MAX_TEXT) -> str:
        value = self._value.get(name)
        if not isinstance(value, str) or len(value) > limit:
            raise BadAnswer
        return value

    def optional_text(self, name: str, limit: int = MAX_TEXT) -> str | None:
        return None if self._value.get(name) is None else self.text(name, limit)

    def integer(self, name: str, low: int = 0, high: int = 2**63 - 1) -> int:
        value = self._value.get(name)
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise BadAnswer
        return value

    def optional_integer(self, name: str, low: int = 0, high: int = 2**31) -> int | None:
        return None if self._value.get(name) is None else self.integer(name, low, high)

    def number(self, name: str) -> float:
        value = self._value.get(name)
        if not isinstance(value, (int, float)) or isinstance(value, bool) or not -1e12 < value < 1e12:
            raise BadAnswer
        return float(value)

    def flag(self, name: str) -> bool:
        value = self._value.get(name)
        if not isinstance(value, bool):
            raise BadAnswer
        return value

    def optional_flag(self, name: str) -> bool:
        return False if self._value.get(name) is None else self.flag(name)

    def items(self, name: str, limit: int = MAX_ENTRIES) -> list[Any]:
        value = self._value.get(name)
        if not isinstance(value, list) or len(value) > limit:
            raise BadAnswer
        return value

    def texts(self, name: str, limit: int = MAX_ENTRIES) -> list[str]:
        values = self.items(name, limit)
        if not all(isinstance(value, str) and len(value) <= MAX_TEXT for value in values):
            raise BadAnswer
        return values

    def commit(self, name: str) -> str:
        """An object id, and nothing that git could take for an option or a name."""
        value = self.text(name, 64)
        if not OBJECT_ID.fullmatch(value):
            raise BadAnswer
        return value

    def optional_commit(self, name: str) -> str | None:
        return None if self._value.get(name) is None else self.commit(name)


def hello(value: object) -> Hello:
    answer = Answer(value)
    return Hello(protocol=answer.integer("protocol"), python=answer.text("python", 32), pid=answer.integer("pid", 1))


def paths(value: object) -> Paths:
    answer = Answer(value)
    return Paths(
        home=answer.text("home", 4096),
        work=answer.text("work", 4096),
        gateway_socket=answer.text("gateway_socket", 4096),
    )


def exit_of(value: object) -> Exit:
    answer = Answer(value)
    found = Exit(answer.optional_integer("exit_code", 0, 255), answer.optional_integer("signal", 1, 64))
    if (found.exit_code is None) == (found.signal is None):
        raise BadAnswer
    return found


def agent_status(value: object) -> AgentStatus:
    answer = Answer(value)
    return AgentStatus(
        exists=answer.flag("exists"),
        is_alive=answer.flag("is_alive"),
        pid=answer.optional_integer("pid") or None,
        exit_code=answer.optional_integer("exit_code", 0, 255),
        signal=answer.optional_integer("signal", 1, 64),
        size_bytes=answer.integer("size_bytes"),
        stderr_tail=answer.text("stderr_tail"),
        # A guest of an earlier version does not say.
        is_disk_full=answer.optional_flag("is_disk_full"),
        oom_killed=answer.optional_flag("oom_killed"),
    )


def room(value: object) -> Room:
    answer = Answer(value)
    return Room(free_bytes=answer.integer("free_bytes"), is_full=answer.flag("is_full"))


def transcript(value: object) -> Transcript:
    answer = Answer(value)
    state = answer.text("state", 16)
    if state not in ("sound", "repaired", "missing"):
        raise BadAnswer
    return Transcript(state=state, lost=answer.integer("lost"))


def file_info(value: object) -> FileInfo:
    answer = Answer(value)
    kind = answer.text("kind", 16)
    if kind not in ("file", "folder", "link", "other"):
        raise BadAnswer
    return FileInfo(
        name=answer.text("name", 4096),
        kind=kind,
        size_bytes=answer.integer("size_bytes"),
        mode=answer.integer("mode", 0, 0o7777),
        modified_at=answer.number("modified_at"),
        target=answer.optional_text("target", 8192),
    )


def git_state(value: object) -> GitState:
    answer = Answer(value)
    return GitState(head=answer.optional_commit("head"), is_dirty=answer.flag("is_dirty"))


def terminal_info(value: object) -> TerminalInfo:
    answer = Answer(value)
    return TerminalInfo(
        id=answer.text("id", 128),
        is_alive=answer.flag("is_alive"),
        rows=answer.integer("rows", 1, 10_000),
        cols=answer.integer("cols", 1, 10_000),
        client_count=answer.integer("client_count", 0, 10_000),
    )

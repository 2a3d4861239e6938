"""A sandbox for the tests of upper layers: the test supplies the answers, nothing runs."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sandbox.answers import AgentStatus, FileInfo, GitState, Hello, Paths, Result, Room, Snapshot, Transcript
from sandbox.base import Capabilities, Phase, Sandbox
from sandbox.client import MIB, GuestClient
from sandbox.connection import ANSWER_TIMEOUT_S, Streams
from sandbox.errors import AgentEnded, CommandNotFound, FileMissing, NoSuchRun, SandboxGone, WorkTreeNotEmpty

Reply = Callable[[bytes], Iterable[bytes]]
Command = Callable[[Sequence[str], bytes], Result]


@dataclass
class ScriptedAgent:
    """One agent run: what was sent to it, what it has printed, and how it ended."""

    argv: list[str]
    env: dict[str, str]
    cwd: str | None
    sent: dict[str, bytes] = field(default_factory=dict)
    spool: bytes = b""
    exit_code: int | None = None
    signal: int | None = None
    stderr: str = ""

    @property
    def is_alive(self) -> bool:
        return self.exit_code is None and self.signal is None


class ScriptedGuest(GuestClient):
    """Answers like a guest. `reply` turns each line for the agent into the lines it prints."""

    def __init__(self, reply: Reply | None = None, command: Command | None = None) -> None:
        super().__init__(_refuse)
        self.reply: Reply = reply or (lambda line: ())
        self.command = command
        self.agents: dict[str, ScriptedAgent] = {}
        self.files: dict[str, bytes] = {}
        self.git = GitState(head=None, is_dirty=False)
        self.next_snapshot: tuple[str, bool, bytes] | Exception | None = None
        self.room = Room(free_bytes=2**30, is_full=False)
        self.transcript: Transcript | None = None  # else as the scripted `test -s` says
        self.cloned: dict[str, Any] | None = None
        self.is_work_empty = True
        self.restored: list[tuple[str, str, bool]] = []  # commit, branch, whether it was dirty
        self.refuses_restore: Exception | None = None
        self.failure: Exception | None = None
        self.signals: list[int] = []
        self.shrugs_off: set[int] = set()  # signals that agents survive
        self._changed = asyncio.Event()

    def print(self, run: str, *lines: bytes) -> None:
        """Let the agent print, as of itself."""
        self.agents[run].spool += b"".join(lines)
        self._ring()

    def end_agent(self, run: str, exit_code: int | None = 0, signal: int | None = None, stderr: str = "") -> None:
        """Let the agent end."""
        agent = self.agents[run]
        agent.exit_code, agent.signal, agent.stderr = exit_code, signal, stderr
        self._ring()

    def fail(self, failure: Exception | None) -> None:
        """From now on every call raises this; also those that are waiting."""
        self.failure = failure
        self._ring()

    async def hello(self, timeout_s: float = ANSWER_TIMEOUT_S) -> Hello:
        self._check()
        return Hello(protocol=1, python="3.11.0", pid=1)

    async def paths(self) -> Paths:
        self._check()
        return Paths(home="/home/agent", work="/workspace", gateway_socket="/run/slipway/gateway/api.sock")

    async def stop(self, grace_s: float) -> None:
        for run, agent in self.agents.items():
            if agent.is_alive:
                self.end_agent(run, exit_code=None, signal=15)

    async def run(
        self,
        argv: Sequence[str],
        *,
        cwd: str | None = None,
        env: Mapping[str, str] | None = None,
        input: bytes = b"",
        timeout_s: float = 60,
        limit_bytes: int = MIB,
    ) -> Result:
        self._check()
        if self.command is None:
            raise CommandNotFound
        return self.command(argv, input)

    async def start_agent(
        self, run: str, argv: Sequence[str], *, cwd: str | None = None, env: Mapping[str, str] | None = None
    ) -> AgentStatus:
        self._check()
        self.agents.setdefault(run, ScriptedAgent(list(argv), dict(env or {}), cwd))
        return await self.agent_status(run)

    async def agent_status(self, run: str) -> AgentStatus:
        self._check()
        agent = self.agents.get(run)
        if agent is None:
            return AgentStatus(False, False, None, None, None, 0, "")
        return AgentStatus(True, agent.is_alive, 7, agent.exit_code, agent.signal, len(agent.spool), agent.stderr)

    async def read_agent(self, run: str, offset: int) -> AsyncGenerator[bytes, None]:
        agent = self._agent(run)
        while True:
            self._check()
            data = agent.spool[offset:]
            if data:
                offset += len(data)
                yield data
            elif not agent.is_alive:
                return
            else:
                await self._changed.wait()

    async def send_agent(self, run: str, message_id: str, line: bytes) -> bool:
        self._check()
        agent = self._agent(run)
        if message_id in agent.sent:
            return False
        if not agent.is_alive:
            raise AgentEnded
        agent.sent[message_id] = line
        for part in line.splitlines(keepends=True):
            self.print(run, *self.reply(part))
        return True

    async def signal_agent(self, run: str, signal: int) -> bool:
        self._check()
        was_alive = self._agent(run).is_alive
        self.signals.append(int(signal))
        if was_alive and signal not in self.shrugs_off:
            self.end_agent(run, exit_code=None, signal=int(signal))
        return was_alive

    async def read_file(self, path: str, offset: int = 0, limit_bytes: int = 8 * MIB) -> bytes:
        self._check()
        if path not in self.files:
            raise FileMissing
        return self.files[path][offset : offset + limit_bytes]

    async def write_file(self, path: str, data: bytes, mode: int = 0o644) -> None:
        self._check()
        self.files[path] = data

    async def list_dir(self, path: str = ".") -> list[FileInfo]:
        self._check()
        return [] if self.is_work_empty else [FileInfo("file", "file", 1, 0o644, 0.0, None)]

    async def stat(self, path: str) -> FileInfo:
        data = await self.read_file(path)
        return FileInfo(path.rsplit("/", 1)[-1], "file", len(data), 0o644, 0.0, None)

    async def disk_free(self) -> Room:
        self._check()
        return self.room

    async def check_transcript(self, path: str) -> Transcript:
        if self.transcript is not None:
            return self.transcript
        is_there = path in self.files or (await self.run(["test", "-s", path])).exit_code == 0
        return Transcript("sound" if is_there else "missing", 0)

    async def clone(
        self,
        *,
        commit: str,
        branch: str,
        alternates: str | None = None,
        bundle: AsyncIterator[bytes] | None = None,
        user_name: str,
        user_email: str,
    ) -> None:
        self._check()
        if not self.is_work_empty:
            raise WorkTreeNotEmpty
        received = b"".join([part async for part in bundle]) if bundle is not None else None
        self.cloned = {"commit": commit, "branch": branch, "alternates": alternates, "bundle": received}
        self.cloned |= {"user_name": user_name, "user_email": user_email}
        self.git = GitState(head=commit, is_dirty=False)

    async def git_status(self) -> GitState:
        self._check()
        return self.git

    async def snapshot(self, *, message: str, known: list[str], parent: str | None = None) -> Snapshot:
        self._check()
        if isinstance(self.next_snapshot, Exception):
            raise self.next_snapshot
        commit, is_dirty, pack = self.next_snapshot or (self.git.head or "0" * 40, self.git.is_dirty, b"")
        return Snapshot(commit, is_dirty, [], _once(pack))

    async def restore(self, *, commit: str, branch: str, is_dirty: bool) -> None:
        self._check()
        if self.refuses_restore is not None:
            raise self.refuses_restore
        self.restored.append((commit, branch, is_dirty))
        self.git = GitState(head=commit, is_dirty=is_dirty)

    def _agent(self, run: str) -> ScriptedAgent:
        if run not in self.agents:
            raise NoSuchRun
        return self.agents[run]

    def _check(self) -> None:
        if self.failure is not None:
            raise self.failure

    def _ring(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()


class ScriptedSandbox(Sandbox):
    """A sandbox that is what the test says it is."""

    capabilities = Capabilities(can_confine=True, can_mount=True, can_pty=False, can_reattach=True)

    def __init__(self, reply: Reply | None = None, command: Command | None = None) -> None:
        self.phase = Phase.RUNNING
        self._guest = ScriptedGuest(reply, command)
        self._id = uuid.uuid4().hex

    @property
    def handle(self) -> dict[str, Any]:
        return {"version": 1, "id": self._id}

    @property
    def guest(self) -> ScriptedGuest:
        return self._guest

    async def poll(self) -> Phase:
        return self.phase

    async def stop(self, grace_s: float = 5.0) -> None:
        if self.phase in (Phase.RUNNING, Phase.UNREACHABLE):
            self.crash()

    async def destroy(self) -> None:
        await self.stop()
        self.phase = Phase.GONE

    def crash(self) -> None:
        """Let it end at once: every call that runs or comes raises SandboxGone."""
        self.phase = Phase.STOPPED
        self._guest.fail(SandboxGone())


async def _once(data: bytes) -> AsyncIterator[bytes]:
    if data:
        yield data


async def _refuse() -> Streams:
    raise SandboxGone("A scripted sandbox has no guest to talk to.")

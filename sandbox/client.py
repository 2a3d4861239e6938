"""The client of the guest: every verb, with deadlines and limits; what comes back is hostile data."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from typing import Any

from sandbox import answers
from sandbox.answers import (
    AgentStatus,
    FileInfo,
    GitState,
    Hello,
    Paths,
    Result,
    Room,
    Snapshot,
    TerminalInfo,
    Transcript,
)
from sandbox.connection import (
    ANSWER_TIMEOUT_S,
    CHUNK,
    DATA,
    END,
    INFO,
    Connect,
    Connection,
    open_connection,
    parse_json,
)
from sandbox.errors import BadAnswer, FileTooLarge, GuestSilent, SandboxGone
from sandbox.process import Process, Terminal

MIB = 2**20
GIT_TIMEOUT_S = 900.0
TRANSCRIPT_TIMEOUT_S = 300.0
SLACK_S = 15.0


class GuestClient:
    """The way into one sandbox. Stateless: each call is a conversation of its own, and calls may run side by side.

    Any call may raise SandboxGone, GuestSilent or BadAnswer besides what it names itself.
    """

    def __init__(self, connect: Connect) -> None:
        self._connect = connect

    async def hello(self, timeout_s: float = ANSWER_TIMEOUT_S) -> Hello:
        """Ask whether the guest answers; every conversation also counts as word from the platform."""
        return answers.hello(await self._ask("hello", timeout_s=timeout_s))

    async def paths(self) -> Paths:
        """Where home, work tree and gateway socket are inside."""
        return answers.paths(await self._ask("hello"))

    async def stop(self, grace_s: float) -> None:
        """End everything inside, the guest last."""
        with contextlib.suppress(SandboxGone):
            await self._ask("stop", {"grace_s": grace_s}, timeout_s=grace_s + SLACK_S)

    async def exec(
        self,
        argv: Sequence[str],
        *,
        cwd: str | None = None,
        env: Mapping[str, str] | None = None,
        stdin: bool = False,
        timeout_s: float | None = None,
    ) -> Process:
        """Start a command that lives as long as this conversation.

        Args:
            argv: program and arguments, no shell.
            cwd: the work tree when left out.
            env: added to the sandbox's own variables.
            stdin: whether it gets a pipe that `write` fills; else its input is empty.
            timeout_s: after it the process group is killed and reading raises CommandTimeout.
        Raises: CommandNotFound, FileMissing (no such cwd), BadRequest.
        """
        request = {"argv": list(argv), "cwd": cwd, "env": dict(env or {}), "stdin": stdin, "timeout_s": timeout_s}
        connection = await self._open("exec", request)
        try:
            async with _deadline(ANSWER_TIMEOUT_S):
                info = answers.Answer(await connection.info())
            return Process(connection, info.integer("pid", 1))
        except BaseException:
            await connection.close()
            raise

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
        """Run one command to its end and return what it left behind.

        Args:
            timeout_s: wall-clock seconds; on expiry the whole process group gets SIGKILL.
            limit_bytes: of each stream the last so many bytes are kept.
        Raises: CommandTimeout, and as `exec`.
        """
        async with _deadline(timeout_s + SLACK_S):
            process = await self.exec(argv, cwd=cwd, env=env, stdin=bool(input), timeout_s=timeout_s)
            async with process:
                tails = {"stdout": _Tail(limit_bytes), "stderr": _Tail(limit_bytes)}
                feeder = asyncio.create_task(_feed(process, input)) if input else None
                try:
                    async for name, data in process:
                        tails[name].add(data)
                finally:
                    if feeder is not None:
                        feeder.cancel()
                        await asyncio.gather(feeder, return_exceptions=True)
        ended = process.exit
        assert ended is not None
        exit_code = ended.exit_code if ended.exit_code is not None else -(ended.signal or 0)
        stdout, stderr = tails["stdout"].value(), tails["stderr"].value()
        return Result(exit_code, stdout, stderr, any(tail.is_truncated for tail in tails.values()))

    async def start_agent(
        self, run: str, argv: Sequence[str], *, cwd: str | None = None, env: Mapping[str, str] | None = None
    ) -> AgentStatus:
        """Start the agent of a run, once: asked again, it only tells how the agent is.

        The agent outlives the conversation and the server. A program that cannot be run gives a status with exit code
        127 and the reason in `stderr_tail`. Raises: AgentNotStarted, BadRequest (a run name that is no name).
        """
        request = {"run": run, "argv": list(argv), "cwd": cwd, "env": dict(env or {})}
        return answers.agent_status(await self._ask("agent.start", request))

    async def agent_status(self, run: str) -> AgentStatus:
        """How the agent of a run is; one that was never started has `exists` False."""
        return answers.agent_status(await self._ask("agent.status", {"run": run}))

    async def read_agent(self, run: str, offset: int) -> AsyncGenerator[bytes, None]:
        """The agent's raw output from a byte offset on; follows it, and ends when the agent has ended and all is read.

        Raises: NoSuchRun; SandboxGone when the sandbox ends meanwhile (what was read counts; go on from there).
        """
        async with await self._open("agent.read", {"run": run, "offset": offset}) as connection:
            while (frame := await connection.read()) is not None:
                if frame[0] != DATA:
                    raise BadAnswer
                yield frame[1]

    async def send_agent(self, run: str, message_id: str, line: bytes) -> bool:
        """Hand whole lines (ending in a newline) to the agent; it gets all of them or nothing.

        Returns: True when taken now, False when this id was taken before (it is not delivered again).
        Raises: NoSuchRun, AgentEnded, BadRequest (no whole line, or no proper id), FileTooLarge (more than 64 MiB).
        """
        answer = await self._ask("agent.send", {"run": run, "message_id": message_id}, data=line)
        return not answers.Answer(answer).flag("is_duplicate")

    async def signal_agent(self, run: str, signal: int) -> bool:
        """Signal the agent, with SIGKILL its process group; False when it was not alive. Raises: NoSuchRun."""
        return answers.Answer(await self._ask("agent.signal", {"run": run, "signal": int(signal)})).flag("was_alive")

    async def take_gateway(self, name: str) -> Connection:
        """Wait for a connection to a socket inside that leads to one of ours, such as the gateway's, and take it.

        Returns: an open conversation of data both ways, END at the end of either direction. May wait for ever.
        Raises: BadRequest (there is no such socket inside).
        """
        connection = await self._open("gateway.take", {"name": name})
        try:
            await connection.info()
            await connection.send_json(INFO, {})
        except BaseException:
            await connection.close()
            raise
        return connection

    async def disk_free(self) -> Room:
        """How much room the sandbox's disk has left."""
        return answers.room(await self._ask("disk.room"))

    async def check_transcript(self, path: str) -> Transcript:
        """Make sure that an agent's record of its conversation can be resumed: one that a kill has torn is mended."""
        return answers.transcript(await self._ask("transcript.check", {"path": path}, timeout_s=TRANSCRIPT_TIMEOUT_S))

    async def read_file(self, path: str, offset: int = 0, limit_bytes: int = 8 * MIB) -> bytes:
        """Bytes of a regular file, at most `limit_bytes` from `offset`. Relative paths begin in the work tree.

        Links are not followed; FIFOs and devices are refused at once. Raises: FileMissing, FileRefused, GuestIoError.
        """
        async with _deadline(ANSWER_TIMEOUT_S):
            request = {"path": path, "offset": offset, "limit_bytes": limit_bytes}
            async with await self._open("file.read", request) as connection:
                parts: list[bytes] = []
                while (frame := await connection.read()) is not None:
                    if frame[0] != DATA or sum(map(len, parts)) + len(frame[1]) > limit_bytes:
                        raise BadAnswer
                    parts.append(frame[1])
        return b"".join(parts)

    async def write_file(self, path: str, data: bytes, mode: int = 0o644) -> None:
        """Replace or make a regular file in one step; missing folders are made. Raises: FileRefused, GuestIoError."""
        await self._ask("file.write", {"path": path, "mode": mode}, data=data, timeout_s=120)

    async def list_dir(self, path: str = ".") -> list[FileInfo]:
        """What is in a folder, by name; at most 10,000 entries. Raises: FileMissing, FileRefused, FileTooLarge."""
        entries: list[FileInfo] = []
        async with _deadline(ANSWER_TIMEOUT_S), await self._open("file.list", {"path": path}) as connection:
            while (frame := await connection.read()) is not None:
                page = answers.Answer({"entries": _json(frame)}).items("entries")
                entries.extend(answers.file_info(entry) for entry in page)
                if len(entries) > answers.MAX_ENTRIES:
                    raise FileTooLarge("The folder has too many entries.")
        return entries

    async def stat(self, path: str) -> FileInfo:
        """What is at a path, not following a link. Raises: FileMissing, FileRefused."""
        return answers.file_info(await self._ask("file.stat", {"path": path}))

    async def open_terminal(
        self,
        terminal: str,
        argv: Sequence[str],
        *,
        cwd: str | None = None,
        env: Mapping[str, str] | None = None,
        rows: int = 24,
        cols: int = 80,
    ) -> TerminalInfo:
        """Start a program on a terminal of its own; one that is there already under this id is kept as it is."""
        request = {"id": terminal, "argv": list(argv), "cwd": cwd, "env": dict(env or {}), "rows": rows, "cols": cols}
        return answers.terminal_info(await self._ask("terminal.open", request))

    async def attach_terminal(self, terminal: str, *, rows: int = 24, cols: int = 80) -> Terminal:
        """Become a client of a terminal. Raises: NoSuchTerminal (from the first read)."""
        return Terminal(await self._open("terminal.attach", {"id": terminal, "rows": rows, "cols": cols}))

    async def list_terminals(self) -> list[TerminalInfo]:
        answer = answers.Answer(await self._ask("terminal.list"))
        return [answers.terminal_info(item) for item in answer.items("terminals", 1000)]

    async def close_terminal(self, terminal: str) -> None:
        """Hang up a terminal and forget it; an unknown one is no error."""
        await self._ask("terminal.close", {"id": terminal})

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
        """Make the work tree a repository with `branch` checked out at `commit`; no remote.

        Args:
            alternates: an objects folder inside the sandbox to borrow from, or else
            bundle: the bytes of a bundle that holds the commit.
        Raises: WorkTreeNotEmpty, GitFailed, BadRequest. Afterwards the work tree is as it was.
        """
        request = {"commit": commit, "branch": branch, "alternates": alternates, "has_bundle": bundle is not None}
        request |= {"user_name": user_name, "user_email": user_email}
        async with _deadline(GIT_TIMEOUT_S), await self._open("git.clone", request) as connection:
            if bundle is None:
                await connection.answer()
            else:
                await _upload(connection, bundle)

    async def git_status(self) -> GitState:
        """HEAD, and whether the work tree or index differs from it. Raises: NotARepository, GitFailed."""
        return answers.git_state(await self._ask("git.status", timeout_s=GIT_TIMEOUT_S))

    async def snapshot(self, *, message: str, known: list[str], parent: str | None = None) -> Snapshot:
        """The work tree as a commit, untracked files included, ignored ones not; index, HEAD and files stay untouched.

        Args:
            known: commits that the reader has already; `pack` leaves out what they reach.
            parent: the commit's parent instead of HEAD.
        Returns: a clean tree without `parent` gives HEAD itself. `notes` tell what was left out (nested repositories,
            unreadable and huge files).
        Raises: NotARepository, GitFailed.
        """
        request = {"message": message, "parent": parent}
        answer = answers.Answer(await self._ask("git.snapshot", request, timeout_s=GIT_TIMEOUT_S))
        commit = answer.commit("commit")
        return Snapshot(commit, answer.flag("is_dirty"), answer.texts("notes", 200), self._pack(commit, known))

    async def restore(self, *, commit: str, branch: str, is_dirty: bool) -> None:
        """Make the work tree what a snapshot holds, with `branch` where it was then; ignored files stay.

        What was there is gone afterwards: snapshot it before. Repeating it is harmless.
        Args:
            is_dirty: the snapshot had changes that no commit of the agent's has: they are changes again.
        Raises: NotARepository, GitFailed (the tree may be neither the one nor the other), BadRequest.
        """
        request = {"commit": commit, "branch": branch, "is_dirty": is_dirty}
        await self._ask("git.restore", request, timeout_s=GIT_TIMEOUT_S)

    async def _pack(self, commit: str, known: list[str]) -> AsyncIterator[bytes]:
        async with await self._open("git.pack", {"commit": commit, "known": known}) as connection:
            while (frame := await connection.read()) is not None:
                if frame[0] != DATA:
                    raise BadAnswer
                yield frame[1]

    async def _open(self, verb: str, fields: dict[str, Any]) -> Connection:
        request = {"verb": verb, **{name: value for name, value in fields.items() if value is not None}}
        return await open_connection(self._connect, request)

    async def _ask(
        self,
        verb: str,
        fields: dict[str, Any] | None = None,
        *,
        data: bytes | None = None,
        timeout_s: float = ANSWER_TIMEOUT_S,
    ) -> dict[str, Any]:
        async with _deadline(timeout_s), await self._open(verb, fields or {}) as connection:
            if data is None:
                return await connection.answer()
            return await _upload(connection, _parts(data))


class _Tail:
    """The last bytes of a stream."""

    def __init__(self, limit_bytes: int) -> None:
        self._limit = limit_bytes
        self._parts: deque[bytes] = deque()
        self._size = 0
        self.is_truncated = False

    def add(self, data: bytes) -> None:
        self._parts.append(data)
        self._size += len(data)
        while self._size - len(self._parts[0]) >= self._limit and len(self._parts) > 1:
            self._size -= len(self._parts.popleft())
            self.is_truncated = True

    def value(self) -> bytes:
        data = b"".join(self._parts)
        self.is_truncated |= len(data) > self._limit
        return data[max(len(data) - self._limit, 0) :]


async def _upload(connection: Connection, parts: AsyncIterator[bytes]) -> dict[str, Any]:
    """Send data for as long as the guest has not answered; it may say no before it has seen everything."""
    answer = asyncio.create_task(connection.answer())
    try:
        with contextlib.suppress(SandboxGone):  # The answer tells why.
            async for part in parts:
                if answer.done():
                    break
                await connection.send_data(part)
            else:
                await connection.send(END)
        return await answer
    finally:
        answer.cancel()
        await asyncio.gather(answer, return_exceptions=True)


async def _parts(data: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(data), CHUNK):
        yield data[start : start + CHUNK]


async def _feed(process: Process, data: bytes) -> None:
    await process.write(data)
    await process.close_stdin()


@contextlib.asynccontextmanager
async def _deadline(timeout_s: float) -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(timeout_s):
            yield
    except TimeoutError as error:
        raise GuestSilent from error


def _json(frame: tuple[bytes, bytes]) -> object:
    if frame[0] != INFO:
        raise BadAnswer
    return parse_json(frame[1]).get("entries")

"""An SSH agent of the operator's, lent to sandboxes to be read: keys are listed and signed with, and nothing else.

Keys never leave the agent, and nobody in a sandbox can add, remove or lock any: each of these is answered as an agent
does that cannot. No sandbox can hold more than its share of the connections, nor any that it does not use.
Source: draft-miller-ssh-agent, as OpenSSH implements it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import struct
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import structlog

from sandbox import inside

FAILURE = b"\x05"
LIST_KEYS, KEYS = b"\x0b", b"\x0c"
SIGN = b"\x0d"
PASSED_ON = frozenset({LIST_KEYS, SIGN})

LENGTH = struct.Struct(">I")
MAX_MESSAGE = 256 * 2**10  # bytes, as OpenSSH allows
ANSWER_TIMEOUT_S = 60.0  # a person may be asked to confirm
IDLE_S = 30.0  # programs ask at once, and leave
MOST_CLIENTS = 256
MOST_OF_ONE = 16  # of a sandbox
OURS = "ours"  # processes, which carry connections of sandboxes elsewhere, and bound them (`sandbox/carrier.py`)

logger = structlog.get_logger(__name__)


class BadMessage(Exception):
    """The other side does not speak the protocol."""


class Lender:
    """Serves one socket; each connection to it is one to the agent."""

    def __init__(self, agent: Path) -> None:
        self._agent = agent
        self._clients: Counter[str] = Counter()
        self._serving: set[asyncio.Task[None]] = set()

    async def serve(self, sock: socket.socket) -> asyncio.Server:
        """Serve a bound socket from now on."""
        return await asyncio.start_unix_server(self._meet, sock=sock)

    def _meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        serving = asyncio.create_task(self._serve(reader, writer))
        self._serving.add(serving)
        serving.add_done_callback(self._serving.discard)
        serving.add_done_callback(lambda _: writer.close())  # also of one that was cancelled before it began

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        whose = _sandbox_of(writer.get_extra_info("socket"))
        if whose is not None and self._has_room(whose):
            with self._counted(whose), contextlib.suppress(OSError, BadMessage, TimeoutError):
                await self._converse(reader, writer)

    def _has_room(self, whose: str) -> bool:
        return self._clients.total() < MOST_CLIENTS and (whose == OURS or self._clients[whose] < MOST_OF_ONE)

    @contextlib.contextmanager
    def _counted(self, whose: str) -> Iterator[None]:
        self._clients[whose] += 1
        try:
            yield
        finally:
            self._clients[whose] -= 1
            self._clients += Counter()  # forgets who has none left

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async with contextlib.AsyncExitStack() as stack:
            agent: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
            while (request := await _next(reader)) is not None:
                answer = FAILURE
                if request[:1] in PASSED_ON:
                    if agent is None:
                        agent = await self._reached()
                        stack.callback(agent[1].close)
                    answer = await _answered(*agent, request)
                logger.info("ssh_agent_asked", request=request[0], is_done=answer[:1] != FAILURE)
                writer.write(LENGTH.pack(len(answer)) + answer)
                async with asyncio.timeout(IDLE_S):
                    await writer.drain()

    async def _reached(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        try:
            return await asyncio.open_unix_connection(self._agent)
        except OSError:
            logger.warning("ssh_agent_is_away", path=str(self._agent))
            raise


async def count_keys(agent: Path) -> int:
    """How many keys an agent has. Raises: OSError (it cannot be reached), BadMessage (it is no agent), TimeoutError."""
    reader, writer = await asyncio.open_unix_connection(agent)
    try:
        answer = await _answered(reader, writer, LIST_KEYS)
        if answer[:1] != KEYS or len(answer) < 1 + LENGTH.size:
            raise BadMessage
        return int(LENGTH.unpack_from(answer, 1)[0])
    finally:
        writer.close()


async def _answered(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes) -> bytes:
    """What the agent says to a request. Raises: BadMessage, TimeoutError, OSError."""
    writer.write(LENGTH.pack(len(request)) + request)
    async with asyncio.timeout(ANSWER_TIMEOUT_S):
        await writer.drain()
        answer = await _message(reader)
    if answer is None:
        raise BadMessage
    return answer


async def _next(reader: asyncio.StreamReader) -> bytes | None:
    """The next request; None at the end. Raises: BadMessage, TimeoutError (there was none for a while)."""
    async with asyncio.timeout(IDLE_S):
        return await _message(reader)


async def _message(reader: asyncio.StreamReader) -> bytes | None:
    """The next message; None at the end. Raises: BadMessage."""
    try:
        (length,) = LENGTH.unpack(await reader.readexactly(LENGTH.size))
        if not 0 < length <= MAX_MESSAGE:
            raise BadMessage
        return await reader.readexactly(length)
    except asyncio.IncompleteReadError as error:
        if error.partial:
            raise BadMessage from error
        return None


def _sandbox_of(sock: socket.socket) -> str | None:
    """Which sandbox asks, or OURS; None for other accounts of this machine, which have keys of their own.

    A sandbox is what has processes or control groups of its own. Those of which nothing can be seen, such as a process
    that has gone already, count as one.
    """
    pid, uid, _ = struct.unpack("3i", sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i")))
    if uid not in (0, os.geteuid(), inside.UID):
        return None
    with contextlib.suppress(OSError):
        if os.readlink(f"/proc/{pid}/ns/pid") == os.readlink("/proc/self/ns/pid"):
            return OURS
    seen = ""
    with contextlib.suppress(OSError):
        seen += Path(f"/proc/{pid}/cgroup").read_text()
        seen += os.readlink(f"/proc/{pid}/ns/pid")
    return seen

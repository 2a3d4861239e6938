"""The near end of `guest/trunk.py`: one running command inside that carries all our conversations with a sandbox.

Where a command is the only way in, one for each conversation would cost a start of Python, and a place among the few
that may run at once. Frames: kind, channel, length, payload; a channel may have WINDOW bytes under way.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import select
import socket
import struct
import time
from collections.abc import AsyncIterator, Iterator
from typing import Protocol

from sandbox.connection import STREAM_LIMIT, Streams
from sandbox.errors import Unreachable

OPEN = b"O"
DATA = b"D"
END = b"E"
CLOSE = b"X"
CREDIT = b"C"
PING = b"P"

HEADER = struct.Struct(">cII")
AMOUNT = struct.Struct(">I")
WINDOW = 512 * 2**10
CHUNK = 128 * 2**10
MOST_WRITTEN = 2**20  # bytes in one call; Modal takes 16 MiB
MOST_WAITING = 4 * 2**20  # bytes for the far end that may wait here before conversations have to
RING_S = 10.0
SILENCE_S = 40.0
LOOK_S = 1.0
READY_TIMEOUT_S = 20.0
WARM_S = 60.0  # how long one is kept that nobody uses; as long the gateway can be reached without one
LOST = "The connection to the sandbox was lost."


class TrunkBroken(OSError):
    """The trunk has ended, or was cut off."""


class Pipe(Protocol):
    """The command that runs `guest.pyz trunk`, wherever it runs."""

    def output(self) -> AsyncIterator[bytes]:
        """What it says, until it ends."""
        ...

    async def send(self, data: bytes) -> None:
        """Give it input, and wait until that was taken. Raises: OSError, SandboxError (it cannot be)."""
        ...

    async def hang_up(self) -> None:
        """End its input, which ends it."""
        ...


class Channel:
    """One conversation: a pair of sockets, of which the caller has the other end."""

    def __init__(self, number: int, sock: socket.socket, *, is_own: bool) -> None:
        self.number = number
        self.sock = sock
        self.is_own = is_own
        self.credit = WINDOW
        self.has_ended = False
        self.has_credit = asyncio.Event()
        self.incoming: asyncio.Queue[bytes | None] = asyncio.Queue()
        self.unread = 0  # bytes in it; more than the window is what no trunk of ours sends

    def is_left(self) -> bool:
        """Whether the caller has closed its end, whatever is still to be read."""
        poll = select.poll()
        poll.register(self.sock, 0)
        return bool(poll.poll(0))


class Trunk:
    """Lives on the loop that makes it; its conversations may be held on others."""

    def __init__(self, pipe: Pipe) -> None:
        self._pipe = pipe
        self._channels: dict[int, Channel] = {}
        self._numbers = itertools.count(1)
        self._outgoing = bytearray()
        self._has_outgoing = asyncio.Event()
        self._has_room = asyncio.Event()
        self._has_room.set()
        self._is_ready = asyncio.Event()
        self._last_word = time.monotonic()
        self._serving: set[asyncio.Task[None]] = set()
        self._uses = 0
        self._idle_since = time.monotonic()
        self.received = 0  # bytes so far
        self.is_open = True
        self._end = asyncio.create_task(self._run())

    @classmethod
    async def begun(cls, pipe: Pipe) -> Trunk:
        """One whose far end has answered. Raises: TrunkBroken (it has ended), TimeoutError."""
        trunk = cls(pipe)
        try:
            await trunk._answered()
        except BaseException:
            await trunk.close()
            raise
        return trunk

    @property
    def is_idle(self) -> bool:
        """Whether no conversation of a caller is open, and none of ours is in use."""
        return not self._uses and all(channel.is_own for channel in self._channels.values())

    def open(self, *, is_own: bool = False) -> socket.socket:
        """Begin a conversation; the caller's end of it, to be read and written on any loop, and closed.

        Where nobody listens inside, it ends at once. `is_own`: it does not count as a use of the trunk.
        """
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        theirs.setblocking(False)
        channel = Channel(next(self._numbers), ours, is_own=is_own)
        self._channels[channel.number] = channel
        self._send(OPEN, channel.number)
        task = asyncio.create_task(self._serve(channel))
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)
        return theirs

    async def connect(self, *, is_own: bool = False) -> Streams:
        """Begin a conversation that is held on this loop."""
        return await streams(self, self.open(is_own=is_own))

    @contextlib.contextmanager
    def in_use(self) -> Iterator[None]:
        """While the block runs, the trunk is not idle."""
        self._uses += 1
        try:
            yield
        finally:
            self._uses -= 1
            self._idle_since = time.monotonic()

    async def cooled(self, warm_s: float = WARM_S) -> None:
        """Return when it has broken, or when no caller has used it for so many seconds."""
        while self.is_open:
            left_s = warm_s - (time.monotonic() - self._idle_since) if self.is_idle else warm_s
            if left_s <= 0:
                return
            await asyncio.wait({self._end}, timeout=left_s)

    async def close(self) -> None:
        """Hang up; every conversation ends."""
        self._end.cancel()
        await asyncio.gather(self._end, return_exceptions=True)
        await asyncio.gather(*self._serving, return_exceptions=True)

    async def _answered(self) -> None:
        ready = asyncio.create_task(self._is_ready.wait())
        try:
            async with asyncio.timeout(READY_TIMEOUT_S):
                await asyncio.wait({ready, self._end}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            ready.cancel()
        if not self._is_ready.is_set():
            raise TrunkBroken

    async def _run(self) -> None:
        """Until the far end ends, its silence has lasted too long, it breaks a rule, or we hang up."""
        # Tasks of their own, never cancelled while the trunk is to live on: a cancelled read loses what was under way.
        tasks = [asyncio.create_task(work) for work in (self._read(), self._write(), self._ring())]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self.is_open = False
            self._has_room.set()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            for channel in self._channels.values():
                channel.incoming.put_nowait(None)
            with contextlib.suppress(Exception):
                async with asyncio.timeout(LOOK_S):
                    await self._pipe.hang_up()

    async def _read(self) -> None:
        received = bytearray()
        async for data in self._pipe.output():
            self._last_word = time.monotonic()
            self.received += len(data)
            received += data
            while len(received) >= HEADER.size:
                kind, number, length = HEADER.unpack_from(received)
                end = HEADER.size + length
                if length > WINDOW:
                    return
                if len(received) < end:
                    break
                payload = bytes(received[HEADER.size : end])
                del received[:end]
                if not self._take(kind, number, payload):
                    return

    def _take(self, kind: bytes, number: int, payload: bytes) -> bool:
        """Whether that is what a trunk of ours may say."""
        self._is_ready.set()
        channel = self._channels.get(number)
        if channel is None:
            return True
        if kind == DATA:
            channel.unread += len(payload)
            if not payload or channel.has_ended or channel.unread > WINDOW:
                return False
            channel.incoming.put_nowait(payload)
        elif kind == CREDIT and len(payload) == AMOUNT.size:
            channel.credit = min(channel.credit + AMOUNT.unpack(payload)[0], WINDOW)
            channel.has_credit.set()
        elif kind in (END, CLOSE) and not channel.has_ended:
            channel.has_ended = True
            channel.incoming.put_nowait(None)
        return True

    async def _write(self) -> None:
        while True:
            await self._has_outgoing.wait()
            data = bytes(self._outgoing[:MOST_WRITTEN])
            await self._pipe.send(data)
            del self._outgoing[: len(data)]
            if not self._outgoing:
                self._has_outgoing.clear()
            if len(self._outgoing) <= MOST_WAITING:
                self._has_room.set()

    async def _ring(self) -> None:
        while time.monotonic() - self._last_word < SILENCE_S:
            self._send(PING, 0)
            await asyncio.sleep(RING_S)

    async def _serve(self, channel: Channel) -> None:
        """Carry one conversation until the caller leaves it."""
        outward = asyncio.create_task(self._carry_out(channel))
        try:
            await self._carry_in(channel)
        except OSError:
            pass  # The caller has left without reading everything.
        finally:
            outward.cancel()
            try:
                await asyncio.gather(outward, return_exceptions=True)
            finally:  # Whoever leaves may be cancelled once more while he waits.
                channel.sock.close()
                self._channels.pop(channel.number, None)
                self._send(CLOSE, channel.number)
                if self.is_idle:
                    self._idle_since = time.monotonic()

    async def _carry_in(self, channel: Channel) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await self._may_send(channel)
            data = await loop.sock_recv(channel.sock, min(CHUNK, channel.credit))
            if not data:
                return
            channel.credit -= len(data)
            self._send(DATA, channel.number, data)

    async def _may_send(self, channel: Channel) -> None:
        """Wait for the far end's word, and for room here: one that gives it and takes nothing is not believed."""
        while not channel.credit or not self._has_room.is_set():
            channel.has_credit.clear()
            waited_for = self._has_room if channel.credit else channel.has_credit
            try:
                async with asyncio.timeout(LOOK_S):
                    await waited_for.wait()
            except TimeoutError:
                if channel.is_left():
                    raise ConnectionResetError from None

    async def _carry_out(self, channel: Channel) -> None:
        loop = asyncio.get_running_loop()
        while (data := await channel.incoming.get()) is not None:
            await loop.sock_sendall(channel.sock, data)
            channel.unread -= len(data)
            await self._has_room.wait()
            self._send(CREDIT, channel.number, AMOUNT.pack(len(data)))
        # Of a broken trunk nobody takes anything any more: a caller that still sends must hear of it.
        channel.sock.shutdown(socket.SHUT_WR if self.is_open else socket.SHUT_RDWR)

    def _send(self, kind: bytes, number: int, payload: bytes = b"") -> None:
        if self.is_open:
            self._outgoing += HEADER.pack(kind, number, len(payload)) + payload
            self._has_outgoing.set()
            if len(self._outgoing) > MOST_WAITING:
                self._has_room.clear()


async def streams(trunk: Trunk, sock: socket.socket) -> Streams:
    """A conversation's end on the running loop, with the errors that conversations know."""
    reader, writer = await asyncio.open_unix_connection(sock=sock, limit=STREAM_LIMIT)
    return _Reader(trunk, reader), _Writer(trunk, writer)


class _Reader:
    """The end of a conversation is the guest's, the end of the trunk is the network's."""

    def __init__(self, trunk: Trunk, reader: asyncio.StreamReader) -> None:
        self._trunk, self._reader = trunk, reader

    async def readexactly(self, size: int) -> bytes:
        """Raises: asyncio.IncompleteReadError (the guest has ended it), Unreachable (the trunk broke)."""
        try:
            return await self._reader.readexactly(size)
        except (asyncio.IncompleteReadError, OSError) as error:
            if not self._trunk.is_open:
                raise Unreachable(LOST) from error
            raise


class _Writer:
    def __init__(self, trunk: Trunk, writer: asyncio.StreamWriter) -> None:
        self._trunk, self._writer = trunk, writer

    def write(self, data: bytes) -> None:
        self._writer.write(data)

    async def drain(self) -> None:
        """Raises: OSError (the guest takes no more), Unreachable (the trunk broke)."""
        try:
            await self._writer.drain()
        except OSError as error:
            if not self._trunk.is_open:
                raise Unreachable(LOST) from error
            raise

    def close(self) -> None:
        self._writer.close()

    async def wait_closed(self) -> None:
        await self._writer.wait_closed()

"""A line into one sandbox: one long exec of the guest's trunk that carries all conversations of this process with it.

An exec of its own for each conversation would cost a start of Python and three of the hundred streams that a handle
has. Frames as in `guest/trunk.py`: kind, channel, length, payload; a channel may have WINDOW bytes under way.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import select
import socket
import struct
import time
from typing import Any

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
RING_S = 10.0
SILENCE_S = 40.0
LOOK_S = 1.0
READY_TIMEOUT_S = 20.0
RETIRED_BYTES = 2**30  # Modal keeps what an exec has said: a line that has carried so much makes place for another


class LineBroken(OSError):
    """The line to the sandbox was lost."""


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


class Line:
    """Lives on the loop that makes it. `process` is a running exec of the trunk, with bytes as its streams."""

    def __init__(self, process: Any) -> None:
        self._process = process
        self._channels: dict[int, Channel] = {}
        self._numbers = itertools.count(1)
        self._outgoing = bytearray()
        self._has_outgoing = asyncio.Event()
        self._is_ready = asyncio.Event()
        self._last_word = time.monotonic()
        self._received = 0
        self._serving: set[asyncio.Task[None]] = set()
        self._idle_since = time.monotonic()
        self._end = asyncio.create_task(self._run())

    @property
    def is_open(self) -> bool:
        return not self._end.done()

    @property
    def is_spent(self) -> bool:
        """Whether the next conversation should have a new line."""
        return not self.is_open or self._received > RETIRED_BYTES

    @property
    def is_idle(self) -> bool:
        """Whether no conversation of a caller is open."""
        return all(channel.is_own for channel in self._channels.values())

    async def ready(self) -> None:
        """Return once the trunk has answered. Raises: LineBroken (it has ended), TimeoutError."""
        ready = asyncio.create_task(self._is_ready.wait())
        try:
            async with asyncio.timeout(READY_TIMEOUT_S):
                await asyncio.wait({ready, self._end}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            ready.cancel()
        if not self._is_ready.is_set():
            raise LineBroken

    def open(self, *, is_own: bool = False) -> socket.socket:
        """Begin a conversation; the caller's end of it, to be read and written on any loop, and closed.

        Where nobody listens inside, it ends at once. `is_own`: it does not count as a use of the line.
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

    async def cooled(self, warm_s: float) -> None:
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

    async def _run(self) -> None:
        """Until the trunk ends, the connection is lost for longer than the client tries again, or we hang up."""
        # Tasks of their own, never cancelled while the line is to live on: a cancelled read loses what was under way.
        tasks = [asyncio.create_task(work) for work in (self._read(), self._write(), self._ring())]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            for channel in self._channels.values():
                channel.incoming.put_nowait(None)
            with contextlib.suppress(Exception):
                async with asyncio.timeout(LOOK_S):
                    self._process.stdin.write_eof()
                    await self._process.stdin.drain.aio()

    async def _read(self) -> None:
        received = bytearray()
        async for data in self._process.stdout:
            self._last_word = time.monotonic()
            self._received += len(data)
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
            if not payload or channel.unread > WINDOW:
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
            del self._outgoing[: len(data)]
            if not self._outgoing:
                self._has_outgoing.clear()
            self._process.stdin.write(data)
            await self._process.stdin.drain.aio()

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
            await asyncio.gather(outward, return_exceptions=True)
            channel.sock.close()
            self._channels.pop(channel.number, None)
            self._send(CLOSE, channel.number)
            if self.is_idle:
                self._idle_since = time.monotonic()

    async def _carry_in(self, channel: Channel) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await self._credit(channel)
            data = await loop.sock_recv(channel.sock, min(CHUNK, channel.credit))
            if not data:
                return
            channel.credit -= len(data)
            self._send(DATA, channel.number, data)

    async def _credit(self, channel: Channel) -> None:
        while not channel.credit:
            channel.has_credit.clear()
            try:
                async with asyncio.timeout(LOOK_S):
                    await channel.has_credit.wait()
            except TimeoutError:
                if channel.is_left():
                    raise ConnectionResetError from None

    async def _carry_out(self, channel: Channel) -> None:
        loop = asyncio.get_running_loop()
        while (data := await channel.incoming.get()) is not None:
            await loop.sock_sendall(channel.sock, data)
            channel.unread -= len(data)
            self._send(CREDIT, channel.number, AMOUNT.pack(len(data)))
        channel.sock.shutdown(socket.SHUT_WR)

    def _send(self, kind: bytes, number: int, payload: bytes = b"") -> None:
        if self.is_open:
            self._outgoing += HEADER.pack(kind, number, len(payload)) + payload
            self._has_outgoing.set()

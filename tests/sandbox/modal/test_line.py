"""The line to a sandbox whose far end may be anything: an agent there can be whoever it likes."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator

from sandbox.modal.line import DATA, HEADER, PING, WINDOW, Line


class Drain:
    async def aio(self) -> None:
        await asyncio.sleep(0)


class Stdin:
    """Takes everything."""

    drain = Drain()

    def write(self, data: bytes) -> None:
        pass

    def write_eof(self) -> None:
        pass


class Process:
    """An exec whose output is what a test says."""

    def __init__(self) -> None:
        self.stdin = Stdin()
        self.said: asyncio.Queue[bytes] = asyncio.Queue()

    @property
    def stdout(self) -> AsyncIterator[bytes]:
        return self._read()

    async def _read(self) -> AsyncIterator[bytes]:
        while True:
            yield await self.said.get()

    def say(self, kind: bytes, number: int, payload: bytes = b"") -> None:
        self.said.put_nowait(HEADER.pack(kind, number, len(payload)) + payload)


async def _opened() -> tuple[Process, Line, socket.socket]:
    process = Process()
    line = Line(process)
    process.say(PING, 0)
    await line.ready()
    return process, line, line.open()


class TestAWindow:
    async def test_that_is_kept_lets_the_line_live(self) -> None:
        process, line, ours = await _opened()

        process.say(DATA, 1, b"x" * WINDOW)
        async with asyncio.timeout(5):
            seen = 0
            while seen < WINDOW:
                seen += len(await asyncio.get_running_loop().sock_recv(ours, WINDOW))

        assert line.is_open
        ours.close()
        await line.close()

    async def test_that_the_far_end_does_not_keep_ends_the_line(self) -> None:
        process, line, ours = await _opened()

        for _ in range(8):  # nobody reads, and no credit is given
            process.say(DATA, 1, b"x" * WINDOW)
        async with asyncio.timeout(5):
            await line.cooled(60)

        assert not line.is_open
        ours.close()
        await line.close()

    async def test_is_not_got_round_by_frames_without_content(self) -> None:
        process, line, ours = await _opened()

        process.said.put_nowait(HEADER.pack(DATA, 1, 0) * (WINDOW // HEADER.size + 10))
        async with asyncio.timeout(5):
            await line.cooled(60)

        assert not line.is_open
        ours.close()
        await line.close()

"""The trunk to a sandbox whose far end may be anything: an agent there can be whoever it likes."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator

import pytest

from sandbox.connection import Connection
from sandbox.errors import Unreachable
from sandbox.trunk import AMOUNT, CREDIT, DATA, END, HEADER, MOST_WAITING, PING, WINDOW, Trunk, streams


class Far:
    """A command whose output is what a test says, and which takes input until it is told not to."""

    def __init__(self) -> None:
        self.said: asyncio.Queue[bytes | None] = asyncio.Queue()
        self.takes = asyncio.Event()
        self.takes.set()
        self.taken = 0

    async def output(self) -> AsyncIterator[bytes]:
        while (data := await self.said.get()) is not None:
            yield data

    async def send(self, data: bytes) -> None:
        await self.takes.wait()
        self.taken += len(data)

    async def hang_up(self) -> None:
        pass

    def say(self, kind: bytes, number: int, payload: bytes = b"") -> None:
        self.said.put_nowait(HEADER.pack(kind, number, len(payload)) + payload)


async def _opened() -> tuple[Far, Trunk, socket.socket]:
    far = Far()
    far.say(PING, 0)
    trunk = await Trunk.begun(far)
    return far, trunk, trunk.open()


class TestAWindow:
    async def test_that_is_kept_lets_the_trunk_live(self) -> None:
        far, trunk, ours = await _opened()

        far.say(DATA, 1, b"x" * WINDOW)
        async with asyncio.timeout(5):
            seen = 0
            while seen < WINDOW:
                seen += len(await asyncio.get_running_loop().sock_recv(ours, WINDOW))

        assert trunk.is_open
        ours.close()
        await trunk.close()

    async def test_that_the_far_end_does_not_keep_ends_the_trunk(self) -> None:
        far, trunk, ours = await _opened()

        for _ in range(8):  # nobody reads, and no credit is given
            far.say(DATA, 1, b"x" * WINDOW)
        async with asyncio.timeout(5):
            await trunk.cooled(60)

        assert not trunk.is_open
        ours.close()
        await trunk.close()

    async def test_is_not_got_round_by_frames_without_content(self) -> None:
        far, trunk, ours = await _opened()

        far.said.put_nowait(HEADER.pack(DATA, 1, 0) * (WINDOW // HEADER.size + 10))
        async with asyncio.timeout(5):
            await trunk.cooled(60)

        assert not trunk.is_open
        ours.close()
        await trunk.close()

    async def test_that_was_ended_takes_nothing_more(self) -> None:
        far, trunk, ours = await _opened()

        far.say(END, 1)
        far.say(DATA, 1, b"x")
        async with asyncio.timeout(5):
            await trunk.cooled(60)

        assert not trunk.is_open
        ours.close()
        await trunk.close()


class TestAFarEndThatTakesNothing:
    async def test_fills_no_memory_whatever_it_promises(self) -> None:
        """It gives credit without end, and reads nothing: whoever sends has to wait."""
        far, trunk, ours = await _opened()
        _, writer = await streams(trunk, ours)
        far.takes.clear()

        async def promise() -> None:
            while True:
                far.say(CREDIT, 1, AMOUNT.pack(WINDOW))
                await asyncio.sleep(0)

        promising = asyncio.create_task(promise())
        writer.write(b"x" * 32 * 2**20)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1):
                await writer.drain()
        promising.cancel()

        assert len(trunk._outgoing) <= MOST_WAITING + WINDOW
        far.takes.set()
        writer.close()
        await trunk.close()


class TestAnEnd:
    async def test_is_told_to_those_who_read_and_to_those_who_send(self) -> None:
        """A caller that only sends would else wait for room that never comes."""
        far, trunk, ours = await _opened()
        connection = Connection(*await streams(trunk, ours))
        far.takes.clear()

        async def send() -> None:
            while True:
                await connection.send_data(b"x" * 2**20)

        sending = asyncio.create_task(send())
        reading = asyncio.create_task(connection.answer())
        await asyncio.sleep(0.1)
        far.said.put_nowait(None)

        async with asyncio.timeout(5):
            with pytest.raises(Unreachable):
                await reading
            with pytest.raises(Unreachable):
                await sending
            await trunk.close()
        await connection.close()

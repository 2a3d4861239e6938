"""The scripted sandbox keeps the contract as far as it goes."""

from __future__ import annotations

import asyncio

import pytest

from sandbox import Phase
from sandbox.errors import SandboxGone
from sandbox.testing import ScriptedSandbox


async def first(made: ScriptedSandbox) -> bytes:
    return await anext(aiter(made.guest.read_agent("run", 0)))


class TestScriptedSandbox:
    async def test_answers_lines_by_the_script_and_takes_each_once(self) -> None:
        made = ScriptedSandbox(reply=lambda line: [b"got " + line])
        await made.guest.start_agent("run", ["agent"])

        taken = [await made.guest.send_agent("run", "m1", b"a\n") for _ in range(2)]
        made.guest.end_agent("run", exit_code=0)

        assert taken == [True, False]
        assert [part async for part in made.guest.read_agent("run", 0)] == [b"got a\n"]

    async def test_wakes_readers(self) -> None:
        made = ScriptedSandbox()
        await made.guest.start_agent("run", ["agent"])
        reader = asyncio.create_task(first(made))
        await asyncio.sleep(0)

        made.guest.print("run", b"x\n")

        assert await reader == b"x\n"

    async def test_dies_midway(self) -> None:
        made = ScriptedSandbox()
        await made.guest.start_agent("run", ["agent"])
        reader = asyncio.create_task(first(made))
        await asyncio.sleep(0)

        made.crash()

        with pytest.raises(SandboxGone):
            await reader
        with pytest.raises(SandboxGone):
            await made.guest.hello()
        assert await made.poll() is Phase.STOPPED
        await made.destroy()
        assert await made.poll() is Phase.GONE

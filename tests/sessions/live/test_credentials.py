"""Whether a reader still may: looked at beside the frames, which wait for it only when it takes long."""

from __future__ import annotations

import asyncio

import pytest

from accounts.errors import Forbidden
from sessions.live import credentials
from sessions.live.credentials import Recheck


class Look:
    """A look at the database, which answers when it is told to."""

    def __init__(self) -> None:
        self.begun, self.answered = 0, asyncio.Event()
        self.error: Exception | None = None

    async def __call__(self) -> None:
        self.begun += 1
        await self.answered.wait()
        if self.error is not None:
            raise self.error


@pytest.fixture
def look() -> Look:
    return Look()


@pytest.fixture
def due(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first look is due, and may take as long as it likes."""
    monkeypatch.setattr(credentials, "PATIENCE", 1e9)
    monkeypatch.setattr("random.uniform", lambda low, high: high)


class TestRecheck:
    async def test_keeps_nobody_waiting(self, look: Look, due: None) -> None:
        async with Recheck(look) as recheck:
            for _ in range(3):
                await recheck.passed()
                await asyncio.sleep(0)

            assert look.begun == 1

    async def test_tells_what_was_found_at_the_next_frame(self, look: Look, due: None) -> None:
        look.error = Forbidden()

        async with Recheck(look) as recheck:
            await recheck.passed()
            look.answered.set()
            await asyncio.sleep(0)
            await asyncio.sleep(0)

            with pytest.raises(Forbidden):
                await recheck.passed()

    async def test_waits_for_the_answer_when_there_is_no_frame(self, look: Look, due: None) -> None:
        look.error = Forbidden()
        asyncio.get_running_loop().call_later(0.01, look.answered.set)

        async with Recheck(look) as recheck:
            with pytest.raises(Forbidden):
                await recheck.passed(is_idle=True)

    async def test_waits_for_an_answer_that_takes_long(
        self, look: Look, due: None, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        look.error = Forbidden()

        async with Recheck(look) as recheck:
            await recheck.passed()
            monkeypatch.setattr(credentials, "PATIENCE", 0.0)
            asyncio.get_running_loop().call_later(0.01, look.answered.set)

            with pytest.raises(Forbidden):
                await recheck.passed()

    async def test_looks_no_sooner_than_due(self, look: Look, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("random.uniform", lambda low, high: low)

        async with Recheck(look) as recheck:
            await recheck.passed(is_idle=True)

        assert look.begun == 0

    async def test_leaves_no_look_behind(self, look: Look, due: None) -> None:
        async with Recheck(look) as recheck:
            await recheck.passed()
            task = recheck._task

        assert task is not None
        assert task.cancelled()

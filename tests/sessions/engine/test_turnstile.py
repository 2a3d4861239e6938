"""Few at a time, and nobody for long behind one that is slow."""

from __future__ import annotations

import asyncio

import pytest

from sessions.engine import turnstile as module
from sessions.engine.turnstile import turnstile
from tests.sessions.stage import eventually


class Crowd:
    """People who go through when they are let, and stay inside until they are called out."""

    def __init__(self) -> None:
        self.inside = self.most = 0
        self.called = asyncio.Event()

    async def visit(self) -> None:
        async with turnstile():
            self.inside += 1
            self.most = max(self.most, self.inside)
            await self.called.wait()
            self.inside -= 1


@pytest.fixture(autouse=True)
def two_places(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "AT_ONCE", 2)


class TestTurnstile:
    async def test_lets_few_through_at_a_time_and_in_the_end_all(self) -> None:
        crowd = Crowd()
        asyncio.get_running_loop().call_later(0.02, crowd.called.set)

        await asyncio.gather(*(crowd.visit() for _ in range(20)))

        assert (crowd.most, crowd.inside) == (2, 0)

    async def test_keeps_nobody_for_long(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(module, "PATIENCE_S", 0.01)
        crowd = Crowd()
        visits = [asyncio.create_task(crowd.visit()) for _ in range(5)]

        await eventually(lambda: crowd.inside == 5)

        crowd.called.set()
        await asyncio.gather(*visits)

    async def test_gives_the_place_back_when_the_work_fails_or_is_given_up(self) -> None:
        crowd = Crowd()
        for _ in range(3):
            with pytest.raises(ValueError, match="broken"):
                async with turnstile():
                    raise ValueError("broken")
        waiting = [asyncio.create_task(crowd.visit()) for _ in range(4)]
        await asyncio.sleep(0)
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)

        crowd = Crowd()
        crowd.called.set()
        await asyncio.gather(crowd.visit(), crowd.visit())
        assert crowd.most == 1  # each was in and out at once

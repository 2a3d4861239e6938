"""Running things beside each other."""

from __future__ import annotations

import asyncio
import contextlib

from sessions.engine.companions import until_first


class TestUntilFirst:
    async def test_ends_companions_that_swallow_a_cancellation(self) -> None:
        beats: list[str] = []

        async def stubborn() -> None:
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.sleep(60)
            beats.append("went on")
            await asyncio.sleep(60)

        async with asyncio.timeout(10):
            await until_first(asyncio.sleep(0.01), stubborn())

        assert beats == ["went on"]

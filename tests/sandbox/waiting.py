"""Waiting in tests for what comes by itself."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable


async def until(condition: Callable[[], Awaitable[bool]], *, timeout_s: float = 20) -> None:
    """Return as soon as the condition holds; fail when it does not in time."""
    for _ in range(int(timeout_s / 0.02)):
        if await condition():
            return
        await asyncio.sleep(0.02)
    raise AssertionError("it did not come to be")

"""Letting few through at a time, without keeping anybody for long behind one that is slow."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from weakref import WeakKeyDictionary

AT_ONCE = 2 * (os.cpu_count() or 1)
PATIENCE_S = 3.0

_places: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = WeakKeyDictionary()


@asynccontextmanager
async def turnstile() -> AsyncIterator[None]:
    """For work that keeps a core busy, as git does at a turn's end.

    Many turns that end together are over sooner one after the other, and those that stream meanwhile get a core. Who
    has waited for long goes through anyway: what keeps the places may be the work of somebody else.
    """
    places = _places.setdefault(asyncio.get_running_loop(), asyncio.Semaphore(AT_ONCE))
    has_place = await _taken(places)
    try:
        yield
    finally:
        if has_place:
            places.release()


async def _taken(places: asyncio.Semaphore) -> bool:
    try:
        async with asyncio.timeout(PATIENCE_S):
            return await places.acquire()
    except TimeoutError:
        return False

"""Running things beside each other until the first of them ends."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

STUBBORN_S = 1.0  # after which a task that goes on although it was cancelled is cancelled again


async def until_first(*coroutines: Coroutine[Any, Any, None]) -> None:
    """Run all until one of them ends, and end the others; an error of any of them is raised."""
    tasks = [asyncio.create_task(coroutine) for coroutine in coroutines]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        # Again and again: on Python 3.11 `wait_for`, which the database's pool uses, can swallow a cancellation.
        while left := [task for task in tasks if not task.done()]:
            for task in left:
                task.cancel()
            await asyncio.wait(left, timeout=STUBBORN_S)
        await asyncio.gather(*tasks, return_exceptions=True)

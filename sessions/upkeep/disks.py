"""Sandboxes whose files outgrow what they may take: ended, before they take the disk from everybody else.

That they have ended, and why, is then noticed and told like any other end; the files stay in their home.
"""

from __future__ import annotations

import asyncio
import random
from datetime import datetime

import structlog
from channels.db import database_sync_to_async as in_db

from sandbox.errors import SandboxError
from sessions.engine import machines
from sessions.engine.machines import Place
from sessions.upkeep.deaths import places

logger = structlog.get_logger(__name__)

AT_ONCE = 8  # each may count a million files, in a process of its own
ROUND_S = 30.0  # those that were not looked at come in the next round


async def contain(*, now: datetime) -> int:
    """Look at what every living sandbox has on its disk; how many were ended."""
    found, gate = await in_db(places)(), asyncio.Semaphore(AT_ONCE)
    random.shuffle(found)  # so that those that take long keep no others from being looked at, round after round
    looks = [asyncio.create_task(_contain(place, gate)) for _, place in found]
    try:
        if looks:
            await asyncio.wait(looks, timeout=ROUND_S)
        return sum(look.result() for look in looks if look.done())
    finally:
        for look in looks:
            look.cancel()
        await asyncio.gather(*looks, return_exceptions=True)


async def _contain(place: Place, gate: asyncio.Semaphore) -> bool:
    async with gate:
        try:
            sandbox = await machines.attached(place)
            if sandbox is None or "disk" not in sandbox.capabilities.limits or not await sandbox.contain():
                return False
        except (SandboxError, OSError) as error:
            logger.warning("disk_not_looked_at", session_id=str(place.session_id), error=str(error))
            return False
    logger.warning("sandbox_outgrew_its_disk", session_id=str(place.session_id))
    return True

"""Sandboxes whose files outgrow what they may take: ended, before they take the disk from everybody else.

That they have ended, and why, is then noticed and told like any other end; the files stay in their home.
"""

from __future__ import annotations

import asyncio
from datetime import datetime

import structlog
from channels.db import database_sync_to_async as in_db

from sandbox.errors import SandboxError
from sessions.engine import machines
from sessions.engine.machines import Place
from sessions.upkeep.deaths import places

logger = structlog.get_logger(__name__)

AT_ONCE = 2  # each may read the names of a million files


async def contain(*, now: datetime) -> int:
    """Look at what every living sandbox has on its disk; how many were ended."""
    gate = asyncio.Semaphore(AT_ONCE)
    return sum(await asyncio.gather(*(_contain(place, gate) for _, place in await in_db(places)())))


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

"""Setting right what is no longer true: deaths are noticed within seconds, what crashes left is mended every minute.

Every step is idempotent and makes conditional changes only, so that it does not matter how many servers do it, or at
which line one of them dies.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

import structlog
from channels.db import database_sync_to_async as in_db
from django.utils import timezone
from psycopg_pool import AsyncConnectionPool

from projects import leftovers as vault_leftovers
from runtime import metrics
from sandbox import memory
from sessions.upkeep import abandoned, aging, deaths, disks, folders, homes, idle, leftovers, orphans, pools, volumes

logger = structlog.get_logger(__name__)

LOOK_S = 10.0
MEND_S = 60.0
ADVISORY_LOCK = 0x736C6971  # one server at a time looks after all

Step = Callable[[datetime], Awaitable[int]]


def _in_db(step: Callable[..., int]) -> Step:
    async def run(now: datetime) -> int:
        done: int = await in_db(step)(now=now)
        return done

    return run


def _in_thread(step: Callable[..., int]) -> Step:
    async def run(now: datetime) -> int:
        return await asyncio.to_thread(step, now=now)

    return run


async def _notice(now: datetime) -> int:
    return await deaths.notice()


async def _contain(now: datetime) -> int:
    return await disks.contain(now=now)


async def _end_orphans(now: datetime) -> int:
    return await orphans.end_orphans(now=now)


async def _settle_folders(now: datetime) -> int:
    return await folders.settle(now=now)


async def _sweep_volumes(now: datetime) -> int:
    return await volumes.sweep(now=now)


async def _sweep_vaults(now: datetime) -> int:
    return await asyncio.to_thread(vault_leftovers.sweep)


LOOKS: dict[str, Step] = {"deaths": _notice, "idle": _in_db(idle.send_to_rest), "disks": _contain}
MENDS: dict[str, Step] = {
    "agents": _in_db(abandoned.hand_over),  # before sessions are taken for idle
    "sessions": _in_db(leftovers.settle_sessions),
    "machines": _in_db(leftovers.end_machines),
    "deleted environments": _in_db(leftovers.leave_environments),
    "idle sandboxes": _in_db(aging.put_away),
    "old sandboxes": _in_db(aging.stop_old),
    "homes": _in_db(homes.clear_left),
    "homes given up": _in_db(homes.give_up),
    "pools": _in_db(pools.keep),
    "tokens": _in_db(leftovers.revoke_tokens),
    "orphans": _end_orphans,
    "folders": _settle_folders,
    "volumes": _sweep_volumes,
    "folders set aside": _in_thread(folders.sweep),
    "packs": _in_thread(leftovers.sweep_packs),
    "vaults": _sweep_vaults,
    "orphan vaults": _in_db(vault_leftovers.set_aside),
    "deleted vaults": _in_db(vault_leftovers.remove_deleted),
}


async def look() -> dict[str, int]:
    """Notice what has died, and send idle agents to rest; what was found, by the step's name."""
    return await _take(LOOKS)


async def mend() -> dict[str, int]:
    """Set right what crashes have left behind; what was done, by the step's name."""
    return await _take(MENDS)


async def _take(steps: dict[str, Step]) -> dict[str, int]:
    """Each step by itself: one that fails, as while the database is away, keeps none of the others from being taken."""
    found = {}
    for name, step in steps.items():
        try:
            found[name] = await step(timezone.now())
        except Exception as error:
            logger.warning("reconcile_step_failed", step=name, error=repr(error))
    if any(found.values()):
        for name, count in found.items():
            metrics.FINDINGS.labels(name).inc(count)
        logger.info("reconciled", **{name: count for name, count in found.items() if count})
    return found


async def keep(pool: AsyncConnectionPool[Any]) -> None:
    """Look and mend for as long as the worker runs; the first time at once. Ends only when it is cancelled."""
    mended_at = float("-inf")
    while True:
        memory.watch.look()
        try:
            async with _alone(pool) as is_alone:
                if is_alone:
                    await look()
                    if time.monotonic() - mended_at >= MEND_S:
                        mended_at = time.monotonic()
                        await mend()
        except Exception as error:
            logger.warning("reconciler_failed", error=repr(error))
        await asyncio.sleep(LOOK_S)


@asynccontextmanager
async def _alone(pool: AsyncConnectionPool[Any]) -> AsyncIterator[bool]:
    """Whether no other server is at it; the lock goes with the connection, so a dead server holds it no longer."""
    async with pool.connection() as connection, connection.transaction():
        cursor = await connection.execute("select pg_try_advisory_xact_lock(%s)", [ADVISORY_LOCK])
        row = await cursor.fetchone()
        yield bool(row and row[0])

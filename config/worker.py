"""The job worker: kept alive over database outages; jobs of dead workers are handed on, finished ones pruned."""

from __future__ import annotations

import asyncio
import time

import structlog
from channels.db import database_sync_to_async
from django.conf import settings
from procrastinate import App, PsycopgConnector
from procrastinate.contrib.django import app as django_app
from procrastinate.contrib.django.utils import connector_params

from config import waking
from config.env import env
from runtime import metrics
from sessions import dispatch
from sessions.upkeep import reconcile

logger = structlog.get_logger(__name__)

GRACE_S = 1.0  # turns outlive us by far: they are handed back, not waited for
HAND_BACK_S = 6.0
STALLED_S = 30.0
RESCUE_EVERY_S = 10.0
ADMIT_EVERY_S = 5.0  # a turn is admitted when its message is stored; this is for what got lost in between
PRUNE_EVERY_S = 3600.0
KEEP_FINISHED_HOURS = 72
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.25, 5.0
HEALTHY_AFTER_S = 30.0
RESCUE_LOCK = 0x736C6970  # advisory lock id, "slip"


async def run_forever() -> None:
    """Run the worker until cancelled, starting it again whenever it ends: an outage makes Procrastinate's own stop.

    On cancellation running jobs get `GRACE_S`, are then cancelled and go back to the queue.
    """
    pause_s = FIRST_PAUSE_S
    while True:
        started = time.monotonic()
        try:
            await _run_once()
            logger.warning("worker_ended")
        except Exception as error:
            logger.warning("worker_failed", error=str(error))
        metrics.WORKER_RESTARTS.inc()
        if time.monotonic() - started > HEALTHY_AFTER_S:
            pause_s = FIRST_PAUSE_S
        await asyncio.sleep(pause_s)
        pause_s = min(pause_s * 2, LONGEST_PAUSE_S)


async def _run_once() -> None:
    connector = PsycopgConnector(connection_class=waking.Connection, kwargs=connector_params())
    app = django_app.with_connector(connector)
    async with app.open_async():
        if not env.redis_url:  # one process: what is under way was our predecessor's, who is dead
            await rescue_stalled(app, connector, silent_s=0)
        keepers = [
            asyncio.create_task(_keep(app, connector), name="worker keeper"),
            asyncio.create_task(_admit(), name="admission"),
            asyncio.create_task(reconcile.keep(connector.pool), name="reconciler"),
        ]
        try:
            worker = waking.Worker(
                app,
                concurrency=settings.WORKER_CONCURRENCY,
                stalled_worker_timeout=STALLED_S,
                shutdown_graceful_timeout=GRACE_S,
                install_signal_handlers=False,
            )
            await worker.run()
        finally:
            for keeper in keepers:
                keeper.cancel()


async def _keep(app: App, connector: PsycopgConnector) -> None:
    """Rescue and prune as time goes by; a failure here never ends the worker."""
    pruned = -PRUNE_EVERY_S
    while True:
        try:
            await rescue_stalled(app, connector)
            if time.monotonic() - pruned > PRUNE_EVERY_S:
                pruned = time.monotonic()
                await prune_finished(app)
        except Exception as error:
            logger.warning("worker_keeper_failed", error=str(error))
        await asyncio.sleep(RESCUE_EVERY_S)


async def _admit() -> None:
    while True:
        try:
            await database_sync_to_async(dispatch.admit)()
        except Exception as error:
            logger.warning("admission_failed", error=str(error))
        await asyncio.sleep(ADMIT_EVERY_S)


async def rescue_stalled(app: App, connector: PsycopgConnector, silent_s: float = STALLED_S) -> int:
    """Give jobs whose worker has fallen silent back to the queue; how many.

    An advisory lock keeps two rescuers from acting on the same sight: the second would take the job from the worker
    that has just picked it up. It is no Procrastinate task, since a dead one would hold its own lock for ever.
    """
    async with connector.pool.connection() as connection, connection.transaction():
        cursor = await connection.execute("select pg_try_advisory_xact_lock(%s)", [RESCUE_LOCK])
        row = await cursor.fetchone()
        if row is None or not row[0]:
            return 0
        stalled = list(await app.job_manager.get_stalled_jobs(seconds_since_heartbeat=silent_s))
        for job in stalled:
            await app.job_manager.retry_job(job)
            metrics.JOBS_RESCUED.labels("task of a dead worker").inc()
            logger.warning("job_rescued", job=job.id, task=job.task_name)
        return len(stalled)


async def prune_finished(app: App) -> None:
    """Delete jobs that ended days ago; what they did is in our own rows."""
    await app.job_manager.delete_old_jobs(
        nb_hours=KEEP_FINISHED_HOURS, include_failed=True, include_cancelled=True, include_aborted=True
    )

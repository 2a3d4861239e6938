"""The jobs of sessions; they take ids, and tolerate unknown ones since old workers meet new jobs."""

from __future__ import annotations

import asyncio
import uuid
from weakref import WeakKeyDictionary

import structlog
from channels.db import database_sync_to_async as in_db
from django.utils import timezone
from procrastinate.contrib.django import app

from accounts.handover import HandOn
from runtime import metrics
from sessions import dispatch, services
from sessions.engine import homes, lifecycle, moving, pool, restoring, runner, warming
from sessions.errors import StaleEpoch
from sessions.log import LogWriter
from sessions.upkeep import aging, idle

logger = structlog.get_logger(__name__)

TIDY_SESSIONS, TIDY_STEPS = 1000, 200

_writers: WeakKeyDictionary[asyncio.AbstractEventLoop, LogWriter] = WeakKeyDictionary()


@app.task(name="sessions.run_turn", queue="agents", retry=HandOn(*runner.DATABASE_LOST))
async def run_turn(*, session_id: str, job_id: str) -> None:
    """Run one turn. A worker that stops cancels this and hands the job back; the next one goes on where it was."""
    job = uuid.UUID(job_id) if job_id else None
    try:
        await runner.run_turn(session_id=uuid.UUID(session_id), job_id=job, writer=_writer())
    except StaleEpoch:
        logger.info("another worker has taken over", session_id=session_id, job_id=job_id)
    await in_db(dispatch.admit)()  # also when the turn was cancelled, which ends it elsewhere


@app.task(name="sessions.stop_session", queue="agents", retry=HandOn(*runner.DATABASE_LOST))
async def stop_session(*, session_id: str, is_forced: bool = False) -> None:
    await lifecycle.stop_session(uuid.UUID(session_id), is_forced=is_forced)


@app.task(name="sessions.cleanup_session", queue="agents", retry=HandOn(*runner.DATABASE_LOST))
async def cleanup_session(*, session_id: str) -> None:
    await lifecycle.cleanup_session(uuid.UUID(session_id))


@app.task(name="sessions.finish_deletion", queue="agents", retry=HandOn(*runner.DATABASE_LOST))
async def finish_deletion(*, session_id: str) -> None:
    await in_db(dispatch.finish_deletion)(uuid.UUID(session_id), now=timezone.now())


@app.task(name="sessions.restore_tree", queue="agents", retry=HandOn(*runner.DATABASE_LOST))
async def restore_tree(*, session_id: str) -> None:
    await restoring.restore(uuid.UUID(session_id))


@app.task(name="sessions.move", queue="agents", retry=HandOn(*runner.DATABASE_LOST))
async def move(*, session_id: str) -> None:
    await moving.move(uuid.UUID(session_id))


@app.task(name="sessions.warm", queue="agents", retry=HandOn())
async def warm(*, session_id: str) -> None:
    await warming.warm(uuid.UUID(session_id))


@app.task(name="sessions.clear_left_homes", queue="agents", retry=HandOn())
async def clear_left_homes(*, environment_id: str) -> None:
    await homes.clear_left(uuid.UUID(environment_id))


@app.task(name="sessions.keep_pool", queue="agents", retry=HandOn())
async def keep_pool(*, environment_id: str) -> None:
    await pool.keep(uuid.UUID(environment_id))


@app.task(name="sessions.put_away", queue="agents", retry=HandOn())
async def put_away(*, session_id: str) -> None:
    await lifecycle.put_away(uuid.UUID(session_id), is_due=aging.is_due)


@app.task(name="sessions.rest_agent", queue="agents", retry=HandOn())
async def rest_agent(*, session_id: str) -> None:
    await idle.rest(uuid.UUID(session_id))


@app.periodic(cron="* * * * *")
@app.task(name="sessions.rescue_turns", queue="agents", queueing_lock="sessions.rescue_turns")
async def rescue_turns(timestamp: int) -> None:
    if rescued := await in_db(dispatch.rescue_turns)(now=timezone.now()):
        metrics.JOBS_RESCUED.labels("turn without a task").inc(rescued)
        logger.warning("turns_rescued", sessions=rescued)
    if rescued := await in_db(dispatch.rescue_restorations)(now=timezone.now()):
        metrics.JOBS_RESCUED.labels("restoration without a task").inc(rescued)
        logger.warning("restorations_rescued", sessions=rescued)
    if rescued := await in_db(dispatch.rescue_moves)(now=timezone.now()):
        metrics.JOBS_RESCUED.labels("move without a task").inc(rescued)
        logger.warning("moves_rescued", sessions=rescued)


@app.periodic(cron="17 3 * * *")
@app.task(name="sessions.tidy", queue="agents", queueing_lock="sessions.tidy")
async def tidy(timestamp: int) -> None:
    """Pack the logs of sessions that nobody uses, drop images that nobody sent and old commands; in small steps."""
    for prune in (services.prune_attachments, services.prune_commands):
        for _ in range(TIDY_STEPS):
            if not await in_db(prune)(now=timezone.now()):
                break
    packed = 0
    for session_id in await in_db(services.sessions_to_archive)(now=timezone.now(), limit=TIDY_SESSIONS):
        try:
            packed += await _archive(session_id)
        except Exception:
            logger.exception("log_not_archived", session_id=str(session_id))  # it stays as it is; others go on
    logger.info("sessions_tidied", events_packed=packed)


async def _archive(session_id: uuid.UUID) -> int:
    packed = 0
    for _ in range(TIDY_STEPS):
        step = await in_db(services.archive_stretch)(session_id=session_id, now=timezone.now())
        packed += step
        if not step:
            break
    return packed


def _writer() -> LogWriter:
    """One for all turns of a worker: its pool belongs to the event loop that it runs on."""
    loop = asyncio.get_running_loop()
    if loop not in _writers:
        _writers[loop] = LogWriter()
    return _writers[loop]

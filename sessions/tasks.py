"""The jobs of sessions; they take ids, and tolerate unknown ones since old workers meet new jobs."""

from __future__ import annotations

import asyncio
import uuid
from weakref import WeakKeyDictionary

import structlog
from channels.db import database_sync_to_async as in_db
from django.utils import timezone
from procrastinate import BaseRetryStrategy, RetryDecision
from procrastinate.contrib.django import app
from procrastinate.jobs import Job

from sessions import dispatch, lifecycle, runner
from sessions.errors import StaleEpoch
from sessions.log import LogWriter

logger = structlog.get_logger(__name__)

OUTAGE_PAUSE_S = 2

_writers: WeakKeyDictionary[asyncio.AbstractEventLoop, LogWriter] = WeakKeyDictionary()


class HandOn(BaseRetryStrategy):
    """Back to the queue when the worker stops or the database is out of reach; other errors are the job's own."""

    def get_retry_decision(self, *, exception: BaseException, job: Job) -> RetryDecision | None:
        if isinstance(exception, asyncio.CancelledError):
            return RetryDecision(retry_in={"seconds": 0})
        if isinstance(exception, runner.DATABASE_LOST):
            return RetryDecision(retry_in={"seconds": OUTAGE_PAUSE_S})
        return None


@app.task(name="sessions.run_turn", queue="agents", retry=HandOn())
async def run_turn(*, session_id: str, job_id: str) -> None:
    """Run one turn. A worker that stops cancels this and hands the job back; the next one goes on where it was."""
    try:
        await runner.run_turn(session_id=uuid.UUID(session_id), job_id=uuid.UUID(job_id), writer=_writer())
    except StaleEpoch:
        logger.info("another worker has taken over", session_id=session_id, job_id=job_id)


@app.task(name="sessions.stop_session", queue="agents", retry=HandOn())
async def stop_session(*, session_id: str) -> None:
    await lifecycle.stop_session(uuid.UUID(session_id))


@app.task(name="sessions.cleanup_session", queue="agents", retry=HandOn())
async def cleanup_session(*, session_id: str) -> None:
    await lifecycle.cleanup_session(uuid.UUID(session_id))


@app.periodic(cron="* * * * *")
@app.task(name="sessions.rescue_turns", queue="agents", queueing_lock="sessions.rescue_turns")
async def rescue_turns(timestamp: int) -> None:
    if rescued := await in_db(dispatch.rescue_turns)(now=timezone.now()):
        logger.warning("turns_rescued", sessions=rescued)


def _writer() -> LogWriter:
    """One for all turns of a worker: its pool belongs to the event loop that it runs on."""
    loop = asyncio.get_running_loop()
    if loop not in _writers:
        _writers[loop] = LogWriter()
    return _writers[loop]

"""Asking the agent to end its turn."""

from __future__ import annotations

import uuid
from datetime import datetime

from django.db import transaction

from accounts.errors import NotFound
from sessions import events
from sessions.errors import NothingRunning
from sessions.models import AgentSession, Job, JobStatus
from sessions.services import commands

ENDED = (JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.CANCELLED)


def interrupt(
    *, session: AgentSession, job_id: uuid.UUID | None = None, key: uuid.UUID | None = None, now: datetime
) -> AgentSession:
    """Ask the agent to end its turn; what it has done is kept. Harmless when repeated.

    With `job_id` only that turn is meant: once it is over, nothing more happens, also not to the turn after it. With a
    `key` it is the turn that ran when it came first.
    Raises: NotFound (no such job here); NothingRunning; CommandIdTaken.
    """
    what = f"interrupt {job_id or ''}".strip()
    return commands.once(session=session, key=key, what=what, act=lambda row: _interrupt(row, job_id, now))


def _interrupt(session: AgentSession, job_id: uuid.UUID | None, now: datetime) -> None:
    job = None if job_id is None else _job(session, job_id)
    if job is not None and job.status in ENDED:
        return
    if (job is not None and job.status != JobStatus.PROCESSING) or not interrupt_running(session, now):
        raise NothingRunning


def interrupt_running(session: AgentSession, now: datetime) -> bool:
    """Mark what runs, and tell its runner on commit; False when nothing does. The caller holds the session's row."""
    running = session.jobs.filter(status=JobStatus.PROCESSING)
    if not running.exists():
        return False
    running.filter(interrupt_requested_at=None).update(interrupt_requested_at=now)
    transaction.on_commit(lambda: events.ring_control(session.pk), robust=True)
    return True


def _job(session: AgentSession, job_id: uuid.UUID) -> Job:
    job: Job | None = session.jobs.filter(pk=job_id).first()
    if job is None:
        raise NotFound
    return job

"""Cancelling, stopping, changing and deleting sessions."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import F, Q

from accounts.errors import NotFound
from gateway import services as gateway
from sessions import dispatch, events, log
from sessions.errors import NameTaken, NothingRunning
from sessions.models import AgentSession, Job, JobStatus, SessionStatus
from sessions.services import commands, entries, naming
from sessions.services.creation import require_mode
from sessions.services.locking import locked
from sessions.services.permissions import withdraw

ACTIVE = (JobStatus.PENDING, JobStatus.PROCESSING)


def cancel(
    *, session: AgentSession, job_id: uuid.UUID | None = None, key: uuid.UUID | None = None, now: datetime
) -> AgentSession:
    """End one job, or all of the session: they show as cancelled at once, while the agent is being stopped.

    One job can be cancelled again and again; what was cancelled stays so. With a `key` no job that came later is meant.
    Raises: NotFound (no such job here); NothingRunning; CommandIdTaken.
    """
    what = f"cancel {job_id or ''}".strip()
    return commands.once(session=session, key=key, what=what, act=lambda row: _cancel(row, job_id, now))


def _cancel(session: AgentSession, job_id: uuid.UUID | None, now: datetime) -> None:
    job = None if job_id is None else session.jobs.filter(pk=job_id).first()
    if job_id is not None and job is None:
        raise NotFound
    if job is not None and job.status == JobStatus.CANCELLED:
        return
    new = _cancel_jobs(session, Q() if job_id is None else Q(pk=job_id), now)
    if not new:
        raise NothingRunning
    _append(session, [*new, *settle(session)], now)


def stop_session(
    *, session: AgentSession, is_forced: bool = False, key: uuid.UUID | None = None, now: datetime
) -> AgentSession:
    """Cancel what runs and end the sandbox, keeping the work; the next message starts it again.

    Work that cannot be saved keeps the session from being stopped, which its status then says; not when `is_forced`.
    Raises: NotFound; CommandIdTaken (the key was given to something else).
    """
    what = "stop by force" if is_forced else "stop"
    return commands.once(session=session, key=key, what=what, act=lambda row: stop(row, now, is_forced=is_forced))


def stop(session: AgentSession, now: datetime, *, is_forced: bool = False) -> None:
    """The caller holds the session's row."""
    new = [*_cancel_jobs(session, Q(), now), *withdraw(session, now=now)]
    _append(session, new, now)
    if session.status != SessionStatus.STOPPED:
        dispatch.defer_stop(session.pk, is_forced=is_forced)


@transaction.atomic
def delete_session(*, session: AgentSession, now: datetime) -> None:
    """Take the session away from everyone at once; its sandbox ends in the background, its working tree goes later.

    Until then it can be taken back. The lease is raised, so that whatever still works
    on it can write no more.
    """
    session = locked(session)
    new = [*_cancel_jobs(session, Q(), now), *withdraw(session, now=now)]
    _append(session, new, now)
    AgentSession.objects.filter(pk=session.pk).update(deleted_at=now, epoch=F("epoch") + 1)
    gateway.revoke_tokens(subject_id=session.pk, now=now)
    dispatch.defer_deletion(session.pk)


@transaction.atomic
def update_session(
    *,
    session: AgentSession,
    name: str | None = None,
    model: str | None = None,
    permission_mode: str | None = None,
    now: datetime,
) -> AgentSession:
    """Rename, or change the model or the permission mode; the log tells every reader, the runner tells the agent.

    Raises: Invalid; NameTaken.
    """
    session = locked(session)
    wanted: dict[str, Any] = {}
    if name is not None:
        wanted["name"] = naming.clean_name(name)
    if model is not None:
        wanted["model"] = gateway.require_model(model)
    if permission_mode is not None:
        wanted["permission_mode"] = require_mode(permission_mode)
    changes = {key: value for key, value in wanted.items() if getattr(session, key) != value}
    if not changes:
        return session
    try:
        with transaction.atomic():
            AgentSession.objects.filter(pk=session.pk).update(**changes, updated_at=now)
    except IntegrityError as error:
        message = f"This project has a session named “{wanted['name']}” already."
        raise NameTaken(message, details=[{"field": "name", "message": message}]) from error
    _append(session, [entries.session_changed(**changes)], now)
    session.refresh_from_db()
    return session


def _cancel_jobs(session: AgentSession, which: Q, now: datetime) -> list[events.Entry]:
    jobs = list(session.jobs.select_related("message").filter(which, status__in=ACTIVE).order_by("created_at", "pk"))
    for job in jobs:
        job.status, job.progress_message = JobStatus.CANCELLED, ""
        job.cancel_requested_at = job.finished_at = now
    Job.objects.bulk_update(jobs, ["status", "progress_message", "cancel_requested_at", "finished_at"])
    cancelled = withdraw(session, which=Q(job__in=jobs), now=now) if jobs else []
    if jobs:
        dispatch.turn_ended(session.pk)
    return [*map(entries.job_status, jobs), *cancelled]


def settle(session: AgentSession) -> list[events.Entry]:
    """A session none of whose jobs had started waits for a message again; one that ran is shown by its runner."""
    if session.status != SessionStatus.INITIALIZING or session.jobs.filter(status__in=ACTIVE).exists():
        return []
    session.status = SessionStatus.WAITING_INPUT
    session.save(update_fields=["status", "updated_at"])
    return [entries.session_status(session)]


def _append(session: AgentSession, new: list[events.Entry], now: datetime) -> None:
    log.append(session, new, now=now)
    _ring_control_on_commit(session)


def _ring_control_on_commit(session: AgentSession) -> None:
    transaction.on_commit(lambda: events.ring_control(session.pk), robust=True)

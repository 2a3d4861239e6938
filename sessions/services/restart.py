"""Going on after a failure by one click, in the conversation that was."""

from __future__ import annotations

import uuid
from datetime import datetime

from django.db import transaction

from accounts.models import User
from sessions import dispatch, events, log
from sessions.errors import NothingToContinue
from sessions.models import AgentSession, Job, JobStatus
from sessions.services import commands, entries
from sessions.services.messages import send_message

# To the agent, as from the person who clicked.
GO_ON = "Your last turn was cut off. Look at how far you got, and go on from there."
UNFINISHED = (JobStatus.FAILED, JobStatus.CANCELLED)


def restart_session(*, session: AgentSession, by: User, key: uuid.UUID | None = None, now: datetime) -> AgentSession:
    """Take up the turn that failed or was cancelled last; harmless when repeated, and while something runs or waits.

    A message that the agent never got waits for it again. One that it did get is not sent twice, since part of it may
    have been done: the agent is asked to go on instead. With a `key`, no turn that fails later is meant.
    Raises: NothingToContinue; QueueFull; NotFound (deleted meanwhile); CommandIdTaken.
    """
    return commands.once(session=session, key=key, what="restart", act=lambda row: _restart(row, by, now))


def _restart(session: AgentSession, by: User, now: datetime) -> None:
    if session.jobs.filter(status__in=(JobStatus.PENDING, JobStatus.PROCESSING)).exists():
        return
    last = _last(session)
    if last is None or last.status not in UNFINISHED:
        raise NothingToContinue
    message = getattr(last, "message", None)
    if message is not None and message.delivered_at is None:
        _wait_again(session, last, by, now)
    else:
        again = uuid.uuid5(last.pk, "restart")
        send_message(session=session, author=by, text=GO_ON, message_id=again, is_own_words=False, now=now)


def _last(session: AgentSession) -> Job | None:
    """The newest turn, save messages that were taken back before the agent had them."""
    taken_back = session.jobs.filter(status=JobStatus.CANCELLED, message__delivered_at=None, message__isnull=False)
    jobs = session.jobs.exclude(pk__in=taken_back.values("pk")).select_related("message")
    last: Job | None = jobs.order_by("-created_at", "-pk").first()
    return last


def _wait_again(session: AgentSession, job: Job, by: User, now: datetime) -> None:
    job.status, job.progress, job.progress_message, job.error, job.result = JobStatus.PENDING, 0, "", "", None
    job.asked_by, job.admitted_at, job.started_at, job.finished_at = by.pk, None, None, None
    job.interrupt_requested_at, job.cancel_requested_at, job.epoch = None, None, 0
    job.save()
    log.append(session, [entries.job_status(job)], job_id=job.pk, now=now)
    dispatch.enqueue(session.pk)
    transaction.on_commit(lambda: events.ring_control(session.pk), robust=True)

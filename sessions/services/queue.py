"""Messages that wait: edited, removed and sent at once, until the agent gets them."""

from __future__ import annotations

import uuid
from datetime import datetime

from django.db import transaction

from accounts.errors import NotFound
from accounts.models import User
from sessions import dispatch, events, log
from sessions.errors import AlreadyDelivered
from sessions.models import AgentSession, Job, JobStatus, Message
from sessions.services import entries
from sessions.services.control import settle
from sessions.services.interrupts import interrupt_running
from sessions.services.locking import locked
from sessions.services.messages import Sent, clean_text


@transaction.atomic
def edit_message(*, session: AgentSession, message_id: uuid.UUID, text: str, by: User, now: datetime) -> Sent:
    """Change a message that waits, whoever wrote it; the same text again is harmless, also later.

    Raises: Unprocessable, Invalid (the text); NotFound (no such message here); AlreadyDelivered.
    """
    text = clean_text(text)
    session, message = _found(session, message_id)
    if message.text == text:
        return Sent(message, message.job, is_new=False)
    _require_waiting(message.job)
    message.text, message.edited_at = text, now
    message.save(update_fields=["text", "edited_at"])
    log.append(session, [entries.message_edited(message, by)], job_id=message.job_id, now=now)
    return Sent(message, message.job, is_new=True)


@transaction.atomic
def remove_message(*, session: AgentSession, message_id: uuid.UUID, by: User, now: datetime) -> None:
    """Take a message out of the queue, whoever wrote it: its job ends as cancelled and names who did it.

    Harmless when repeated. Raises: NotFound (no such message here); AlreadyDelivered.
    """
    session, message = _found(session, message_id)
    job = message.job
    if job.status == JobStatus.CANCELLED and message.delivered_at is None:
        return
    _require_waiting(job)
    job.status, job.progress_message = JobStatus.CANCELLED, f"Removed by {by.display_name}."[:200]
    job.cancel_requested_at = job.finished_at = now
    job.save(update_fields=["status", "progress_message", "cancel_requested_at", "finished_at"])
    log.append(session, [entries.job_status(job), *settle(session)], job_id=job.pk, now=now)
    dispatch.turn_ended(session.pk)
    transaction.on_commit(lambda: events.ring_control(session.pk), robust=True)


@transaction.atomic
def send_now(*, session: AgentSession, message_id: uuid.UUID, now: datetime) -> Sent:
    """Let a message that waits go first: what runs is interrupted for it, once however often this is repeated.

    Raises: NotFound (no such message here); AlreadyDelivered.
    """
    session, message = _found(session, message_id)
    job = message.job
    if job.is_urgent:
        return Sent(message, job, is_new=False)
    _require_waiting(job)
    job.is_urgent = True
    job.save(update_fields=["is_urgent"])
    log.append(session, [entries.job_status(job)], job_id=job.pk, now=now)
    interrupt_running(session, now)
    dispatch.enqueue(session.pk)
    transaction.on_commit(lambda: events.ring_control(session.pk), robust=True)
    return Sent(message, job, is_new=True)


def _found(session: AgentSession, message_id: uuid.UUID) -> tuple[AgentSession, Message]:
    """Both as they are now; a worker claims a job under the same lock."""
    session = locked(session)
    message = Message.objects.select_related("job", "author").filter(session=session, pk=message_id).first()
    if message is None:
        raise NotFound
    return session, message


def _require_waiting(job: Job) -> None:
    if job.status != JobStatus.PENDING:
        raise AlreadyDelivered("This message was removed." if job.status == JobStatus.CANCELLED else "")

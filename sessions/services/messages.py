"""Messages to the agent, and the jobs they ask for."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.db import transaction
from uuid_utils.compat import uuid7

from accounts.errors import Invalid, NotFound, Unprocessable
from accounts.models import User
from runtime.failpoints import failpoint
from sessions import dispatch, events, log
from sessions.errors import MessageIdTaken, QueueFull
from sessions.models import AgentSession, Job, JobStatus, Message
from sessions.services import entries
from sessions.storable import clean

MAX_WAITING = 50


@dataclass(frozen=True)
class Sent:
    """A stored message with its job; `is_new` is false when it had been sent before."""

    message: Message
    job: Job
    is_new: bool


def clean_text(text: str, field: str = "text") -> str:
    """The text itself.

    Raises: Unprocessable (nothing in it); Invalid (too long, or with what cannot be stored).
    """
    if not text.strip():
        raise Unprocessable.field(field, "Write something first.")
    require_storable(text, field)
    if len(text.encode()) > settings.PROMPT_MAX_BYTES:
        raise Invalid.field(field, f"A message has at most {settings.PROMPT_MAX_BYTES // 2**20} MB.")
    return text


def require_storable(text: str, field: str) -> None:
    """Raises: Invalid (NUL or half of a surrogate pair)."""
    if clean(text) != text:
        raise Invalid.field(field, "This has characters that are not valid.")


@transaction.atomic
def send_message(
    *, session: AgentSession, author: User, text: str, message_id: uuid.UUID | None = None, now: datetime
) -> Sent:
    """Store the message and queue its job, also while another one runs. The same id again gives the same answer.

    Raises: Unprocessable, Invalid (the text); MessageIdTaken (the id is known with another text or session); QueueFull;
        NotFound (deleted meanwhile).
    """
    text = clean_text(text)
    if not AgentSession.objects.select_for_update().filter(pk=session.pk).exists():
        raise NotFound
    known = message_id and Message.objects.select_related("job", "author").filter(pk=message_id).first()
    if known:
        if known.session_id != session.pk or known.text != text:
            raise MessageIdTaken
        return Sent(known, known.job, is_new=False)
    if session.jobs.filter(status=JobStatus.PENDING).count() >= MAX_WAITING:
        raise QueueFull
    return _store(session, author, text, message_id or uuid7(), now)


def _store(session: AgentSession, author: User, text: str, message_id: uuid.UUID, now: datetime) -> Sent:
    """The caller holds the session's row, so an id cannot be taken twice within it; across sessions the key decides."""
    organization_id = session.organization_id
    job = Job.objects.create(organization_id=organization_id, session=session, created_at=now)
    message, is_new = Message.objects.get_or_create(
        pk=message_id,
        defaults={
            "organization_id": organization_id,
            "session": session,
            "job": job,
            "author": author,
            "text": text,
            "created_at": now,
        },
    )
    if not is_new:
        raise MessageIdTaken
    job.message = message
    log.append(session, [entries.user_message(message, author), entries.job_status(job)], job_id=job.pk, now=now)
    dispatch.defer_turn(session.pk, job.pk)
    transaction.on_commit(lambda: events.ring_control(session.pk), robust=True)
    failpoint("message.before_commit")
    transaction.on_commit(lambda: failpoint("message.after_commit"), robust=True)
    return Sent(message, job, is_new=True)

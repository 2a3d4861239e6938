"""Messages to the agent, and the jobs they ask for."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.db import transaction
from structlog.contextvars import get_contextvars
from uuid_utils.compat import uuid7

from accounts.errors import Invalid, Unprocessable
from accounts.models import User
from runtime import tracing
from runtime.failpoints import failpoint
from sessions import dispatch, events, log
from sessions.errors import MessageIdTaken, QueueFull
from sessions.models import AgentSession, Job, JobStatus, Message
from sessions.services import attachments, entries
from sessions.services.interrupts import interrupt_running
from sessions.services.locking import locked
from sessions.services.prompts import note_prompt
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
    *,
    session: AgentSession,
    author: User,
    text: str,
    message_id: uuid.UUID | None = None,
    attachment_ids: Sequence[uuid.UUID] = (),
    is_urgent: bool = False,
    is_own_words: bool = True,
    now: datetime,
) -> Sent:
    """Store the message and queue its job, also while another one runs. The same id again gives the same answer.

    Args:
        is_urgent: what runs is interrupted, and this goes before all that waits.
        is_own_words: the author wrote it, and finds it again among what they asked before.
    Raises: Unprocessable, Invalid (the text, the attachments); MessageIdTaken (the id is known with another text or
        session); QueueFull; NotFound (deleted meanwhile).
    """
    text = clean_text(text)
    attachment_ids = attachments.clean_ids(attachment_ids)
    session = locked(session)
    known = Message.objects.select_related("job", "author").filter(pk=message_id).first() if message_id else None
    if known is not None:
        _require_same(known, session, text, attachment_ids)
        return Sent(known, known.job, is_new=False)
    if session.jobs.filter(status=JobStatus.PENDING).count() >= MAX_WAITING:
        raise QueueFull
    job = Job.objects.create(
        organization_id=session.organization_id,
        session=session,
        is_urgent=is_urgent,
        asked_by=author.pk,
        request_id=_request_id(),
        traceparent=tracing.traceparent(),
        created_at=now,
    )
    message = _store(job, author, text, message_id or uuid7())
    attachments.bind(message, attachment_ids)
    new = [*_brought_back(session), entries.user_message(message, author, attachments.shown(message))]
    new.append(entries.job_status(job))
    log.append(session, new, job_id=job.pk, now=now)
    if is_own_words:
        note_prompt(session=session, user=author, text=text, now=now)
    if is_urgent:
        interrupt_running(session, now)
    dispatch.enqueue(session.pk)
    transaction.on_commit(lambda: events.ring_control(session.pk), robust=True)
    failpoint("message.before_commit")
    transaction.on_commit(lambda: failpoint("message.after_commit"), robust=True)
    return Sent(message, job, is_new=True)


def _brought_back(session: AgentSession) -> list[events.Entry]:
    """Whoever writes to a session that was put away wants it back."""
    if session.archived_at is None:
        return []
    session.archived_at = None
    AgentSession.objects.filter(pk=session.pk).update(archived_at=None)
    return [entries.session_archived(session)]


def _require_same(known: Message, session: AgentSession, text: str, attachment_ids: Sequence[uuid.UUID]) -> None:
    """A message that was edited meanwhile is still the one that was sent."""
    is_same_text = known.text == text or known.edited_at is not None
    if known.session_id != session.pk or not is_same_text or attachments.ids_of(known) != list(attachment_ids):
        raise MessageIdTaken


def _store(job: Job, author: User, text: str, message_id: uuid.UUID) -> Message:
    """The caller holds the session's row, so an id cannot be taken twice within it; across sessions the key decides."""
    message, is_new = Message.objects.get_or_create(
        pk=message_id,
        defaults={
            "organization_id": job.organization_id,
            "session_id": job.session_id,
            "job": job,
            "author": author,
            "text": text,
            "created_at": job.created_at,
        },
    )
    if not is_new:
        raise MessageIdTaken
    job.message = message
    return message


def _request_id() -> str:
    """Of the request or socket that brought the message: it leads from the edge's logs to the worker's."""
    return str(get_contextvars().get("request_id", ""))[:64]

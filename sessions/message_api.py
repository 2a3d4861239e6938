"""The API of messages and of the images that go with them; docs/api.md describes it."""

from __future__ import annotations

import uuid
from typing import Any

from django.http import HttpResponse
from django.utils import timezone
from ninja import File, Form, Query, Router, Status, UploadedFile

from accounts.auth import ActorRequest
from accounts.client_keys import client_key
from accounts.pagination import Page, PageIn, Slice, paginate
from accounts.tenancy import Role, fetch
from sessions import queries, services
from sessions.models import AgentSession, Attachment, Job, Message
from sessions.schemas import AttachmentOut, MessageIn, MessageOut, MessagePatch, SentOut
from sessions.services.attachments import require_size

router = Router(tags=["sessions"])

# Bytes that someone uploaded: never a page of ours, whatever a browser makes of them.
IMAGE_HEADERS = {
    "Content-Disposition": "inline",
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "private, max-age=3600",
}


@router.get("/sessions/{uuid:session_id}/messages", response=Page[MessageOut])
def list_messages(request: ActorRequest, session_id: uuid.UUID, page: Query[PageIn]) -> Slice[dict[str, Any]]:
    """What people sent, oldest first."""
    session = fetch(queries.sessions(), request.actor, session_id)
    jobs = Job.objects.filter(session=session, message__isnull=False).select_related("message__author")
    jobs = jobs.prefetch_related(queries.images_of_messages())
    found = paginate(jobs, page, newest_first=False)  # ids of messages are the clients', so not in the order of time
    return Slice(queries.messages_of(found.items), found.next)


@router.post("/sessions/{uuid:session_id}/messages", response={200: SentOut, 201: SentOut})
def send_message(request: ActorRequest, session_id: uuid.UUID, body: MessageIn) -> Status[dict[str, Any]]:
    """Send the agent a message, also while it works. The same id again gives the stored answer, with 200."""
    sent = services.send_message(
        session=_session(request, session_id),
        author=request.actor.user,
        text=body.text,
        message_id=client_key(request, body.id),
        attachment_ids=body.attachments,
        is_urgent=body.now,
        now=timezone.now(),
    )
    return Status(201 if sent.is_new else 200, _shown(sent))


@router.post("/sessions/{uuid:session_id}/input", response={200: SentOut, 201: SentOut})
def send_input(request: ActorRequest, session_id: uuid.UUID, body: MessageIn) -> Status[dict[str, Any]]:
    """The same as `messages`."""
    return send_message(request, session_id, body)


@router.patch("/sessions/{uuid:session_id}/messages/{uuid:message_id}", response=SentOut)
def edit_message(
    request: ActorRequest, session_id: uuid.UUID, message_id: uuid.UUID, body: MessagePatch
) -> dict[str, Any]:
    """Change a message that waits; 409 once the agent has it."""
    sent = services.edit_message(
        session=_session_of(request, session_id, message_id),
        message_id=message_id,
        text=body.text,
        by=request.actor.user,
        now=timezone.now(),
    )
    return _shown(sent)


@router.delete("/sessions/{uuid:session_id}/messages/{uuid:message_id}", response={204: None})
def remove_message(request: ActorRequest, session_id: uuid.UUID, message_id: uuid.UUID) -> None:
    """Take a message that waits out of the queue; 409 once the agent has it."""
    services.remove_message(
        session=_session_of(request, session_id, message_id),
        message_id=message_id,
        by=request.actor.user,
        now=timezone.now(),
    )


@router.post("/sessions/{uuid:session_id}/messages/{uuid:message_id}/now", response=SentOut)
def send_now(request: ActorRequest, session_id: uuid.UUID, message_id: uuid.UUID) -> dict[str, Any]:
    """Interrupt what runs for a message that waits, and let it go before the others."""
    sent = services.send_now(
        session=_session_of(request, session_id, message_id), message_id=message_id, now=timezone.now()
    )
    return _shown(sent)


@router.post("/sessions/{uuid:session_id}/attachments", response={200: AttachmentOut, 201: AttachmentOut})
def add_attachment(
    request: ActorRequest, session_id: uuid.UUID, file: File[UploadedFile], id: Form[uuid.UUID | None] = None
) -> Status[Attachment]:
    """Upload an image for a message to come. The same id again gives the stored answer, with 200."""
    session = _session(request, session_id)
    require_size(file.size or 0)
    uploaded = services.add_attachment(
        session=session,
        author=request.actor.user,
        data=file.read(),
        attachment_id=client_key(request, id),
        now=timezone.now(),
    )
    return Status(201 if uploaded.is_new else 200, uploaded.attachment)


@router.get("/sessions/{uuid:session_id}/attachments/{uuid:attachment_id}", response=None)
def read_attachment(request: ActorRequest, session_id: uuid.UUID, attachment_id: uuid.UUID) -> HttpResponse:
    """The image itself."""
    session = fetch(queries.sessions(), request.actor, session_id)
    attachment = fetch(Attachment.objects.filter(session=session), request.actor, attachment_id)
    return HttpResponse(bytes(attachment.data), content_type=attachment.media_type, headers=IMAGE_HEADERS)


def _session(request: ActorRequest, session_id: uuid.UUID) -> AgentSession:
    return fetch(queries.sessions(), request.actor, session_id, Role.MEMBER)


def _session_of(request: ActorRequest, session_id: uuid.UUID, message_id: uuid.UUID) -> AgentSession:
    """The session, if the message is one of its own."""
    session = fetch(queries.sessions(), request.actor, session_id)
    fetch(Message.objects.filter(session=session), request.actor, message_id, Role.MEMBER)
    return session


def _shown(sent: services.Sent) -> dict[str, Any]:
    queries.place_jobs([sent.job])
    return {"message": sent.message, "job": sent.job}

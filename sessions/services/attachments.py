"""Images that go with messages: uploaded first, bound when the message is sent, pruned when it never is."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Q, Sum
from uuid_utils.compat import uuid7

from accounts.errors import Invalid
from accounts.models import User
from sessions.errors import AttachmentIdTaken, TooManyImages
from sessions.models import AgentSession, Attachment, Message
from sessions.services.locking import locked

MAX_BYTES = 5 * 2**20
MAX_UNBOUND_BYTES = 20 * 2**20  # of a session
MAX_SESSION_BYTES = 500 * 2**20  # of all its images, those of removed messages included
MAX_A_MESSAGE = 10
KEPT_UNBOUND = timedelta(days=1)
PRUNED_AT_ONCE = 500

_PNG, _JPEG = b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"
_GIFS = (b"GIF87a", b"GIF89a")


@dataclass(frozen=True)
class Uploaded:
    """A stored image; `is_new` is false when it had been uploaded before."""

    attachment: Attachment
    is_new: bool


def media_type_of(data: bytes) -> str:
    """By its first bytes, never by a name or what the client says. Raises: Invalid (not an image that models take)."""
    if data.startswith(_PNG):
        return "image/png"
    if data.startswith(_JPEG):
        return "image/jpeg"
    if data.startswith(_GIFS):
        return "image/gif"
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return "image/webp"
    raise Invalid.field("file", "This is not a PNG, JPEG, GIF or WebP image.")


def require_size(size: int) -> None:
    """Raises: Invalid (too large)."""
    if size > MAX_BYTES:
        raise Invalid.field("file", f"An image has at most {MAX_BYTES // 2**20} MB.")


@transaction.atomic
def add_attachment(
    *, session: AgentSession, author: User, data: bytes, attachment_id: uuid.UUID | None = None, now: datetime
) -> Uploaded:
    """Store an image for a message to come. The same id again gives the same answer.

    Raises: Invalid (too large, no image, the session keeps no more); AttachmentIdTaken (known with other bytes or
        another session); TooManyImages (of the session, without a message); NotFound (deleted meanwhile).
    """
    require_size(len(data))
    media_type, digest = media_type_of(data), hashlib.sha256(data).hexdigest()
    session = locked(session)
    attachment, is_new = Attachment.objects.defer("data").get_or_create(
        pk=attachment_id or uuid7(),
        defaults={
            "organization_id": session.organization_id,
            "session": session,
            "author": author,
            "media_type": media_type,
            "size": len(data),
            "sha256": digest,
            "data": data,
            "created_at": now,
        },
    )
    if (attachment.session_id, attachment.sha256) != (session.pk, digest):
        raise AttachmentIdTaken
    if is_new:
        _require_room(session)
    return Uploaded(attachment, is_new)


def _require_room(session: AgentSession) -> None:
    """With the new one. Raises: Invalid, TooManyImages."""
    sizes = session.attachments.aggregate(all=Sum("size"), unbound=Sum("size", filter=Q(message=None)))
    if sizes["unbound"] > MAX_UNBOUND_BYTES:
        raise TooManyImages
    if sizes["all"] > MAX_SESSION_BYTES:
        raise Invalid.field("file", "This session keeps no more images. Start a new session to go on with others.")


def clean_ids(ids: Sequence[uuid.UUID]) -> list[uuid.UUID]:
    """Each once, in their order. Raises: Invalid (too many)."""
    unique = list(dict.fromkeys(ids))
    if len(unique) > MAX_A_MESSAGE:
        raise Invalid.field("attachments", f"A message takes at most {MAX_A_MESSAGE} images.")
    return unique


def bind(message: Message, ids: Sequence[uuid.UUID]) -> None:
    """Make them the message's own; the caller holds the session's row.

    Raises: Invalid (one is not there, or went with another message).
    """
    for position, id in enumerate(ids):
        unbound = Attachment.objects.filter(pk=id, session_id=message.session_id, message=None)
        if not unbound.update(message=message, position=position):
            raise Invalid.field("attachments", "One of the images is not there any more; add it again.")


def ids_of(message: Message) -> list[uuid.UUID]:
    return list(message.attachments.order_by("position").values_list("pk", flat=True))


def shown(message: Message) -> list[dict[str, Any]]:
    """The message's images as an event names them."""
    rows = message.attachments.order_by("position").values_list("pk", "media_type", "size")
    return [{"id": str(id), "media_type": media_type, "size": size} for id, media_type, size in rows]


def prune_attachments(*, now: datetime) -> int:
    """Delete a batch of images that no message took along within a day; returns how many."""
    old = Attachment.objects.filter(message=None, created_at__lt=now - KEPT_UNBOUND)
    ids = list(old.order_by("pk").values_list("pk", flat=True)[:PRUNED_AT_ONCE])
    deleted, _ = old.filter(pk__in=ids).delete()
    return deleted

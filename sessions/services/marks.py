"""What people note about sessions for themselves: read so far, pinned, in this order. Nobody else sees it."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

from django.db import transaction
from django.db.models import F, Value
from django.db.models.functions import Greatest

from accounts.errors import Invalid, NotFound
from accounts.models import User
from sessions import events, queries
from sessions.models import AgentSession, SessionMark

MAX_ORDERED = 1000


@transaction.atomic
def mark_session(
    *,
    session: AgentSession,
    user: User,
    last_read_seq: int | None = None,
    is_unread: bool = False,
    is_pinned: bool | None = None,
) -> SessionMark:
    """Note what is given; reading only goes forward, save that a session can be called unread again."""
    owner = {"organization_id": session.organization_id}
    mark, _ = SessionMark.objects.get_or_create(user=user, session=session, defaults=owner)
    changes: dict[str, Any] = {}
    if last_read_seq is not None:
        changes["last_read_seq"] = Greatest(F("last_read_seq"), Value(min(last_read_seq, session.last_seq)))
    if is_unread:
        changes["last_read_seq"] = max(0, session.last_seq - 1)
    if is_pinned is not None:
        changes["is_pinned"] = is_pinned
    if changes:
        SessionMark.objects.filter(pk=mark.pk).update(**changes)
        _ring_on_commit(session.organization_id, user, [session.pk])
        mark.refresh_from_db()
    return mark


@transaction.atomic
def order_sessions(*, organization_id: uuid.UUID, user: User, session_ids: Sequence[uuid.UUID]) -> None:
    """Let these stand in this order, for this person.

    Raises: Invalid (the same twice); NotFound (one of them is not there).
    """
    if len(set(session_ids)) != len(session_ids):
        raise Invalid.field("session_ids", "Name each session once.")
    there = queries.sessions().filter(pk__in=session_ids, organization_id=organization_id)
    if there.count() != len(session_ids):
        raise NotFound
    marks = [
        SessionMark(organization_id=organization_id, user=user, session_id=id, position=position)
        for position, id in enumerate(session_ids)
    ]
    SessionMark.objects.bulk_create(
        marks, update_conflicts=True, update_fields=["position"], unique_fields=["user", "session"]
    )
    _ring_on_commit(organization_id, user, session_ids)


def _ring_on_commit(organization_id: uuid.UUID, user: User, session_ids: Sequence[uuid.UUID]) -> None:
    transaction.on_commit(lambda: events.ring_marks(organization_id, user.pk, session_ids), robust=True)

"""Packing the logs of sessions that nobody has used for long."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef

from accounts.tenancy import TenantQuerySet
from sessions.events import serialize
from sessions.log import archive
from sessions.models import AgentSession, ArchivedEvents, Event, Job, JobStatus
from sessions.storable import dump

MAX_EVENTS, MAX_BYTES = 250, 2**20  # of one stretch: a page of the log opens one or two


def sessions_to_archive(*, now: datetime, limit: int) -> list[uuid.UUID]:
    """Those without activity for so long, the oldest first."""
    if not settings.ARCHIVE_AFTER_DAYS:
        return []
    has_events = Exists(Event.objects.filter(session=OuterRef("pk")))
    return list(_at_rest(now).filter(has_events).order_by("updated_at").values_list("pk", flat=True)[:limit])


@transaction.atomic
def archive_stretch(*, session_id: uuid.UUID, now: datetime) -> int:
    """Pack the oldest events of a session that is at rest; returns how many, 0 when there are none or it woke up.

    What is packed is always the log's beginning, so that readers need to know no more than where the rest begins.
    """
    session = _at_rest(now).select_for_update(of=("self",)).filter(pk=session_id).first()
    if session is None:
        return 0
    rows = Event.objects.filter(session_id=session_id)
    found = _stretch(serialize(event) for event in rows.order_by("seq").iterator(chunk_size=50))
    if not found:
        return 0
    first, last = found[0]["seq"], found[-1]["seq"]
    ArchivedEvents.objects.create(
        session=session,
        organization_id=session.organization_id,
        first_seq=first,
        last_seq=last,
        data=archive.pack(found),
    )
    rows.filter(seq__lte=last).delete()
    return len(found)


def _at_rest(now: datetime) -> TenantQuerySet[AgentSession]:
    """Deleted ones too: their logs take room until they go."""
    active = Job.objects.filter(session=OuterRef("pk"), status__in=(JobStatus.PENDING, JobStatus.PROCESSING))
    quiet_since = now - timedelta(days=settings.ARCHIVE_AFTER_DAYS)
    found: TenantQuerySet[AgentSession] = AgentSession.with_deleted.filter(~Exists(active), updated_at__lt=quiet_since)
    return found


def _stretch(events: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    size = 0
    for event in events:
        found.append(event)
        size += len(dump(event["payload"]))
        if len(found) >= MAX_EVENTS or size >= MAX_BYTES:
            break
    return found

"""Stretches of old logs as compressed rows: how they are packed, and how readers get at them."""

from __future__ import annotations

import json
import uuid
import zlib
from collections.abc import Iterator, Sequence
from typing import Any

from django.db.models import QuerySet

from sessions.models import ArchivedEvents, Event

LEVEL = 6


def pack(events: Sequence[dict[str, Any]]) -> bytes:
    """Events as readers get them, compressed."""
    return zlib.compress(json.dumps(events, ensure_ascii=False, separators=(",", ":")).encode(), LEVEL)


def unpack(data: bytes | memoryview) -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = json.loads(zlib.decompress(data))
    return events


def after(session_id: uuid.UUID, seq: int, limit: int) -> list[dict[str, Any]]:
    """The next archived events, in order; one query a stretch, and none is opened that is not needed."""
    found: list[dict[str, Any]] = []
    while len(found) < limit:
        stretch = _stretches(session_id).filter(last_seq__gt=seq).first()
        if stretch is None:
            break
        found += [event for event in unpack(stretch.data) if event["seq"] > seq]
        seq = stretch.last_seq
    return found[:limit]


def before(session_id: uuid.UUID, seq: int, limit: int) -> list[dict[str, Any]]:
    """The last archived events before a number, in order; one query a stretch, and none is opened without need."""
    found: list[dict[str, Any]] = []
    while len(found) < limit:
        stretch = _stretches(session_id).filter(first_seq__lt=seq).last()
        if stretch is None:
            break
        found = [*(event for event in unpack(stretch.data) if event["seq"] < seq), *found]
        seq = stretch.first_seq
    return found[-limit:]


def backwards(session_id: uuid.UUID, seq: int, kinds: Sequence[str]) -> Iterator[dict[str, Any]]:
    """All archived events of these kinds before a number, newest first; one stretch in memory at a time."""
    stretches = _stretches(session_id).filter(first_seq__lt=seq).reverse()
    for stretch in stretches.iterator(chunk_size=1):
        for event in reversed(unpack(stretch.data)):
            if event["seq"] < seq and event["kind"] in kinds:
                yield event


def joined(older: Sequence[dict[str, Any]], newer: Sequence[dict[str, Any]], limit: int) -> list[dict[str, Any]]:
    """Both as one page; what was archived between the two reads is in both, and shown once."""
    first = newer[0]["seq"] if newer else None
    return [*(event for event in older if first is None or event["seq"] < first), *newer][:limit]


def events(session_id: uuid.UUID, kinds: Sequence[str]) -> Iterator[Event]:
    """All archived events of these kinds, in order; one stretch in memory at a time."""
    for stretch in _stretches(session_id).iterator(chunk_size=1):
        for event in unpack(stretch.data):
            if event["kind"] in kinds:
                yield _row(session_id, event)


def _stretches(session_id: uuid.UUID) -> QuerySet[ArchivedEvents]:
    return ArchivedEvents.objects.filter(session_id=session_id).order_by("first_seq")


def _row(session_id: uuid.UUID, event: dict[str, Any]) -> Event:
    job_id = uuid.UUID(event["job_id"]) if event["job_id"] else None
    return Event(session_id=session_id, seq=event["seq"], kind=event["kind"], payload=event["payload"], job_id=job_id)

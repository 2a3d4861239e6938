"""The append-only event log: `append` for sync code, `LogWriter` for the runner. Both number without gaps.

A number is taken by adding to `AgentSession.last_seq`, so the row's lock orders writers, and an append that rolls back
gives its numbers back.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime

from django.db import connection, transaction
from django.db.models import F

from sessions import events
from sessions.events import Entry
from sessions.live import frames
from sessions.log.writer import Ask, Batch, LogWriter, Withdraw
from sessions.models import AgentSession, Event
from sessions.storable import clean, dump

__all__ = ["Ask", "Batch", "LogWriter", "Withdraw", "append"]


def append(
    session: AgentSession, entries: Sequence[Entry], *, job_id: uuid.UUID | None = None, now: datetime
) -> list[int]:
    """Append inside the caller's transaction, ring when it commits, and return the new numbers."""
    if not connection.in_atomic_block:
        raise transaction.TransactionManagementError("events are appended in the transaction of what they tell")
    if not entries:
        return []
    rows = AgentSession.with_deleted.filter(pk=session.pk)
    rows.update(last_seq=F("last_seq") + len(entries), updated_at=now)
    session.last_seq = last = rows.values_list("last_seq", flat=True).get()
    seqs = list(range(last - len(entries) + 1, last + 1))
    Event.objects.bulk_create(
        Event(
            session_id=session.pk,
            seq=seq,
            organization_id=session.organization_id,
            kind=entry.kind,
            payload=clean(entry.payload),
            job_id=job_id,
            created_at=now,
        )
        for seq, entry in zip(seqs, entries, strict=True)
    )
    new = [
        frames.event(seq, entry.kind, dump(entry.payload), job_id, now)
        for seq, entry in zip(seqs, entries, strict=True)
    ]
    transaction.on_commit(lambda: events.ring(session.pk, last, new), robust=True)
    transaction.on_commit(lambda: events.ring_tree(session.organization_id, session.pk, new), robust=True)
    return seqs

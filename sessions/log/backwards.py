"""The log read from its end: pages that begin with a turn where they can, and what they refer to before that."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from django.db.models import TextField
from django.db.models.functions import Cast, Length

from sessions.events import serialize
from sessions.log import archive, carried
from sessions.models import Event
from sessions.storable import dump

MAX_BYTES = 2**20  # of a page's payloads, beyond its last event


@dataclass(frozen=True)
class LogPage:
    """Events in order, and those from before them that they refer to."""

    items: list[dict[str, Any]]
    carried: list[dict[str, Any]]

    @property
    def has_more(self) -> bool:
        """Whether there is anything before it."""
        return bool(self.items) and self.items[0]["seq"] > 1

    def shown(self) -> dict[str, Any]:
        return {"items": self.items, "carried": self.carried, "has_more": self.has_more}


def page_before(
    session_id: uuid.UUID, before: int, limit: int, *, is_newest: bool, max_bytes: int = MAX_BYTES
) -> LogPage:
    """The last events before a number: at most so many and, beyond the last, at most so many bytes.

    In one moment with whatever it is shown with. Args: is_newest: what is not over at the log's end is carried, too.
    """
    items = _from_a_turn(_newest(session_id, before, limit, max_bytes))
    wanted = carried.referred_to(items)
    if is_newest:
        carried.add_open(wanted, session_id, items)
    earlier = _backwards(session_id, items[0]["seq"] if items else before, wanted.kinds())
    return LogPage(items, carried.collect(wanted, earlier))


def _newest(session_id: uuid.UUID, before: int, limit: int, max_bytes: int) -> list[dict[str, Any]]:
    found = _live(session_id, before, limit, max_bytes)
    first = found[0]["seq"] if found else before
    if len(found) == limit or first <= 1:
        return found
    older = archive.before(session_id, first, limit - len(found))
    if found and older and older[-1]["seq"] != first - 1:
        return found  # what lies between was too large, not archived
    return _within([*older, *found], max_bytes)


def _live(session_id: uuid.UUID, before: int, limit: int, max_bytes: int) -> list[dict[str, Any]]:
    size = Length(Cast("payload", TextField()))
    rows = Event.objects.filter(session_id=session_id, seq__lt=before).order_by("-seq")[:limit]
    sizes = rows.annotate(size=size).values_list("seq", "size")
    first, total = before, 0
    for seq, length in sizes:
        if total >= max_bytes:
            break
        first, total = seq, total + length
    found = Event.objects.filter(session_id=session_id, seq__gte=first, seq__lt=before).order_by("seq")
    return [serialize(event) for event in found]


def _within(events: Sequence[dict[str, Any]], max_bytes: int) -> list[dict[str, Any]]:
    """The last of them, at most so many bytes beyond the very last."""
    size = 0
    for index in range(len(events) - 1, -1, -1):
        if size >= max_bytes:
            return list(events[index + 1 :])
        size += len(dump(events[index]["payload"]))
    return list(events)


def _from_a_turn(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """From the first beginning of a turn on, unless that leaves less than half: a long turn is cut in its middle."""
    if not events or events[0]["seq"] == 1:
        return events
    for index, event in enumerate(events[: len(events) // 2 + 1]):
        if carried.begins_turn(event):
            while index and carried.job_of(events[index - 1]) == carried.job_of(event):
                index -= 1  # its message, where that came just before
            return events[index:]
    return events


def _backwards(session_id: uuid.UUID, before: int, kinds: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Events of these kinds before a number, newest first; a reader that has enough stops early."""
    rows = Event.objects.filter(session_id=session_id, seq__lt=before, kind__in=kinds).order_by("-seq")
    live = (serialize(event) for event in rows.iterator(chunk_size=100))
    return chain(live, archive.backwards(session_id, before, kinds))

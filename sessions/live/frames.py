"""Frames of a session's stream, encoded once for all who read it."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any

Delta = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Frame:
    """What a reader gets: `body` is a JSON object without the type; events have a number and a kind."""

    type: str
    body: str
    seq: int = 0
    kind: str = ""

    def for_socket(self) -> str:
        return f'{{"type":"{self.type}",{self.body[1:]}'

    def for_sse(self, id: int | None = None) -> str:
        """With an `id`, what is transient is where a browser goes on from, too."""
        if self.type == "event":
            return f"id: {self.seq}\nevent: {self.kind}\ndata: {self.body}\n\n"
        named = "" if id is None else f"id: {id}\n"
        return f"{named}event: {self.type}\ndata: {self.body}\n\n"


def event(seq: int, kind: str, payload: str, job_id: uuid.UUID | str | None, created_at: datetime) -> Frame:
    """An event whose payload is JSON text already; the same value as `events.serialize` gives."""
    job = f'"{job_id}"' if job_id else "null"
    moment = created_at.isoformat().replace("+00:00", "Z")
    body = f'{{"seq":{seq},"kind":"{kind}","payload":{payload},"job_id":{job},"created_at":"{moment}"}}'
    return Frame("event", body, seq, kind)


def of_event(event: dict[str, Any]) -> Frame:
    """The same, of what `events.serialize` gave."""
    return Frame("event", transient("event", event).body, event["seq"], event["kind"])


def transient(type: str, value: dict[str, Any]) -> Frame:
    """A frame that no log has: a delta, the places in the queue."""
    return Frame(type, json.dumps(value, ensure_ascii=False, separators=(",", ":")))

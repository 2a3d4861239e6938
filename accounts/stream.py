"""Long work as server-sent events; a stream holds no database connection while it waits.

`respond` follows any tenant-owned row with `is_finished`: an import, the test of an environment. `follow` serves those
that have more to tell than their row.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from typing import Any

from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIRequest
from django.db import connections
from django.http import HttpRequest, StreamingHttpResponse
from django.utils import timezone
from ninja import Schema

from accounts.credentials import RECHECK_S, Credentials
from accounts.errors import Unauthenticated
from accounts.tenancy import Actor, TenantModel

SOON_S, LATER_S = 0.3, 2.0  # between two looks: while something goes on, and at most when nothing does
SLOWER = 1.5  # by which a look that found nothing puts off the next
PING_S = 15.0
LONGEST_S = 3600.0


@dataclass(frozen=True)
class Look:
    """What is new since the look before, as frames, and whether anything more can come."""

    frames: list[str]
    is_over: bool


def frame(event: str, data: str, *, id: int | None = None) -> str:
    """One event; with an id a reader that comes back says how far it got."""
    number = "" if id is None else f"id: {id}\n"
    return f"{number}event: {event}\ndata: {data}\n\n"


def respond(request: HttpRequest, actor: Actor, row: TenantModel, shown: type[Schema]) -> StreamingHttpResponse:
    """`progress` events with the row as `shown` has it, each state once, until it is finished."""
    return follow(request, actor, _Row(row, shown).look)


def follow(request: HttpRequest, actor: Actor, look: Callable[[Actor], Look | None]) -> StreamingHttpResponse:
    """Events until a look says that it is over, the reader leaves, or loses access.

    Args:
        look: called again and again with the actor as they are then; None for whoever may not see it any more.
    """
    key = None if actor.token_id else request.session.session_key
    frames = _Frames(Credentials(actor, key), look)
    # A synchronous server (the test client's) cannot iterate an asynchronous body.
    body = _asynchronous(frames) if isinstance(request, ASGIRequest) else _synchronous(frames)
    response = StreamingHttpResponse(body, content_type="text/event-stream")
    response["Cache-Control"] = "no-store"
    response["X-Accel-Buffering"] = "no"
    return response


class _Row:
    def __init__(self, row: TenantModel, shown: type[Schema]) -> None:
        self.id, self.rows, self.shown = row.pk, type(row), shown
        self._last = ""

    def look(self, actor: Actor) -> Look | None:
        row: Any = self.rows.objects.visible_to(actor).filter(pk=self.id).first()
        if row is None:
            return None
        data = self.shown.from_orm(row).model_dump_json()
        is_new, self._last = data != self._last, data
        return Look([frame("progress", data)] if is_new else [], row.is_finished)


async def _asynchronous(frames: _Frames) -> AsyncIterator[bytes]:
    def poll() -> bytes:
        try:
            return frames.poll()
        finally:
            connections.close_all()

    while not frames.is_over:
        if data := await sync_to_async(poll)():
            yield data
        if not frames.is_over:
            await asyncio.sleep(frames.pause_s)


def _synchronous(frames: _Frames) -> Iterator[bytes]:
    while not frames.is_over:
        if data := frames.poll():
            yield data
        if not frames.is_over:
            time.sleep(frames.pause_s)


class _Frames:
    """What to send next."""

    def __init__(self, credentials: Credentials, look: Callable[[Actor], Look | None]) -> None:
        self.credentials, self.look = credentials, look
        self.actor = credentials.actor
        self.is_over = False
        self.pause_s = SOON_S
        self._sent_at = self._checked_at = self._began_at = time.monotonic()

    def poll(self) -> bytes:
        """Frames when something changed, a ping when nothing did for long, else nothing."""
        now = time.monotonic()
        found = self._looked(now)
        if found is None or now - self._began_at > LONGEST_S:
            self.is_over = True
            return b""
        self.is_over = found.is_over
        self.pause_s = SOON_S if found.frames else min(self.pause_s * SLOWER, LATER_S)
        if found.frames:
            self._sent_at = now
            return "".join(found.frames).encode()
        if now - self._sent_at > PING_S:
            self._sent_at = now
            return b": ping\n\n"
        return b""

    def _looked(self, now: float) -> Look | None:
        if now - self._checked_at >= RECHECK_S:
            self._checked_at = now
            try:
                self.actor = self.credentials.actor_now(timezone.now())
            except Unauthenticated:
                return None
        return self.look(self.actor)

"""The progress of long work as server-sent events; a stream holds no database connection while it waits.

Any tenant-owned row with `is_finished` can be followed: an import, the test of an environment.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
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

POLL_S = 0.3
PING_S = 15.0
LONGEST_S = 3600.0


def respond(request: HttpRequest, actor: Actor, row: TenantModel, shown: type[Schema]) -> StreamingHttpResponse:
    """Events with the row as `shown` has it, until it is finished, the reader leaves, or loses access."""
    key = None if actor.token_id else request.session.session_key
    frames = _Frames(Credentials(actor, key), row, shown)
    # A synchronous server (the test client's) cannot iterate an asynchronous body.
    body = _asynchronous(frames) if isinstance(request, ASGIRequest) else _synchronous(frames)
    response = StreamingHttpResponse(body, content_type="text/event-stream")
    response["Cache-Control"] = "no-store"
    response["X-Accel-Buffering"] = "no"
    return response


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
            await asyncio.sleep(POLL_S)


def _synchronous(frames: _Frames) -> Iterator[bytes]:
    while not frames.is_over:
        if data := frames.poll():
            yield data
        if not frames.is_over:
            time.sleep(POLL_S)


class _Frames:
    """What to send next."""

    def __init__(self, credentials: Credentials, row: TenantModel, shown: type[Schema]) -> None:
        self.credentials, self.id, self.rows, self.shown = credentials, row.pk, type(row), shown
        self.actor = credentials.actor
        self.is_over = False
        self._last = ""
        self._sent_at = self._checked_at = self._began_at = time.monotonic()

    def poll(self) -> bytes:
        """A frame when something changed, a ping when nothing did for long, else nothing."""
        now = time.monotonic()
        row = self._row(now)
        if row is None or now - self._began_at > LONGEST_S:
            self.is_over = True
            return b""
        self.is_over = row.is_finished
        data = self.shown.from_orm(row).model_dump_json()
        if data != self._last:
            self._last, self._sent_at = data, now
            return f"event: progress\ndata: {data}\n\n".encode()
        if now - self._sent_at > PING_S:
            self._sent_at = now
            return b": ping\n\n"
        return b""

    def _row(self, now: float) -> Any:
        """The row as it is now; None for whoever may not see it any more."""
        if now - self._checked_at >= RECHECK_S:
            self._checked_at = now
            try:
                self.actor = self.credentials.actor_now(timezone.now())
            except Unauthenticated:
                return None
        return self.rows.objects.visible_to(self.actor).filter(pk=self.id).first()

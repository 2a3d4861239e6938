"""The progress of an import as server-sent events; a stream holds no database connection while it waits."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator

from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIRequest
from django.db import connections
from django.http import HttpRequest, StreamingHttpResponse
from django.utils import timezone

from accounts.credentials import RECHECK_S, Credentials
from accounts.errors import Unauthenticated
from accounts.tenancy import Actor
from projects.models import ProjectImport
from projects.schemas import ImportOut

POLL_S = 0.3
PING_S = 15.0
LONGEST_S = 3600.0


def respond(request: HttpRequest, actor: Actor, row: ProjectImport) -> StreamingHttpResponse:
    """Events until the import ends, the reader leaves, or loses access."""
    key = None if actor.token_id else request.session.session_key
    frames = _Frames(Credentials(actor, key), row)
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

    def __init__(self, credentials: Credentials, row: ProjectImport) -> None:
        self.credentials, self.import_id = credentials, row.pk
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
        data = ImportOut.from_orm(row).model_dump_json()
        if data != self._last:
            self._last, self._sent_at = data, now
            return f"event: progress\ndata: {data}\n\n".encode()
        if now - self._sent_at > PING_S:
            self._sent_at = now
            return b": ping\n\n"
        return b""

    def _row(self, now: float) -> ProjectImport | None:
        """The import as it is now; None for whoever may not see it any more."""
        if now - self._checked_at >= RECHECK_S:
            self._checked_at = now
            try:
                self.actor = self.credentials.actor_now(timezone.now())
            except Unauthenticated:
                return None
        return ProjectImport.objects.visible_to(self.actor).filter(pk=self.import_id).first()

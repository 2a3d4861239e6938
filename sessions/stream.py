"""Following a session's log: what was missed, then what comes, each event once and in order; and SSE made of it."""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from collections import deque
from collections.abc import AsyncIterator
from types import TracebackType
from typing import Any, Self

import structlog
from channels.db import database_sync_to_async as in_db
from django.utils import timezone

from accounts.errors import DomainError
from accounts.tenancy import Role
from sessions import doorbell, events, queries
from sessions.credentials import RECHECK_S, Credentials

logger = structlog.get_logger(__name__)

PAGE = 100  # events held in memory at a time
POLL_S = 1.0  # how long a lost doorbell can go unnoticed while the session is busy
IDLE_POLL_S = 5.0  # and when nothing has happened for a minute
BUSY_S = 60.0
MAX_DELTA = 64 * 1024  # characters of one joined delta
MAX_STREAMED = 16  # blocks that stream at a time: the agent's own and those of its sub-agents
CATCH_UP_TRIES, CATCH_UP_S = 6, 0.25  # the runner keeps what streams once a second
PING_S = 15.0
LIFETIME_S = 3600.0  # of one SSE response; EventSource comes back by itself with Last-Event-ID

Frame = dict[str, Any]


class Follower:
    """One reader's way through one log. Events are pulled by page, deltas are bounded: slow readers are cheap."""

    def __init__(self, session_id: uuid.UUID, after: int) -> None:
        self.seq = after
        self._session_id = session_id
        self._bell = doorbell.listen(events.watchers_group(session_id))
        self._rung: deque[dict[str, Any]] = deque()
        self._is_behind = True
        self._active_at = time.monotonic()
        self._streamed: dict[str, int] = {}  # block -> how many of its characters the reader has

    async def __aenter__(self) -> Self:
        """Listening begins before the first read: what comes in between is heard of."""
        await self._bell.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._bell.__aexit__(kind, error, trace)

    def note_live(self, live: dict[str, Any]) -> None:
        """The reader has this text already."""
        if live:
            self._note_streamed(live["block"], len(live["text"]))

    async def frames(self) -> list[Frame]:
        """The next frames; empty when there was nothing for a moment."""
        if not self._is_behind and not self._rung:
            self._rung.extend(await self._bell.wait(timeout_s=self._poll_s()))
            self._is_behind = not self._rung
        if self._is_behind:
            return await self._page()
        return await self._next_rung()

    def _poll_s(self) -> float:
        return POLL_S if time.monotonic() - self._active_at < BUSY_S else IDLE_POLL_S

    async def _page(self) -> list[Frame]:
        rows = await in_db(queries.events_after)(self._session_id, self.seq, PAGE)
        self._is_behind = len(rows) == PAGE
        if rows:
            self.seq = rows[-1]["seq"]
            self._active_at = time.monotonic()
        return [{"type": "event", **row} for row in rows]

    async def _next_rung(self) -> list[Frame]:
        """Deltas stay between the events that they came between."""
        message = self._rung.popleft()
        if message["type"] == "session.delta":
            self._active_at = time.monotonic()
            return [{"type": "delta", **await self._whole(self._joined(message["delta"]))}]
        return await self._page() if message["last_seq"] > self.seq else []

    async def _whole(self, delta: dict[str, Any]) -> dict[str, Any]:
        """With the text before it, where this reader has not got that: it came in mid-sentence, or fell behind."""
        known = self._streamed.get(delta["block"], 0)
        if delta["offset"] > known:
            delta = await self._caught_up(delta, known)
        self._note_streamed(delta["block"], delta["offset"] + len(delta["text"]))
        return delta

    async def _caught_up(self, delta: dict[str, Any], known: int) -> dict[str, Any]:
        for _ in range(CATCH_UP_TRIES):
            live = await in_db(queries.live_of)(self._session_id)
            if live.get("block") == delta["block"] and len(live["text"]) >= delta["offset"]:
                return {**delta, "offset": known, "text": live["text"][known : delta["offset"]] + delta["text"]}
            await asyncio.sleep(CATCH_UP_S)
        return delta  # the reader leaves it out: the event will have the whole text

    def _note_streamed(self, block: str, length: int) -> None:
        self._streamed.pop(block, None)
        self._streamed[block] = length
        if len(self._streamed) > MAX_STREAMED:
            del self._streamed[next(iter(self._streamed))]

    def _joined(self, delta: dict[str, Any]) -> dict[str, Any]:
        """A reader that fell behind gets what has gathered as one piece."""
        text = delta["text"]
        while self._rung and self._rung[0]["type"] == "session.delta" and len(text) < MAX_DELTA:
            following = self._rung[0]["delta"]
            if (following["block"], following["offset"]) != (delta["block"], delta["offset"] + len(text)):
                break
            text += following["text"]
            self._rung.popleft()
        return {**delta, "text": text}


async def sse(session_id: uuid.UUID, after: int, credentials: Credentials) -> AsyncIterator[str]:
    """The body of an SSE response: `id:` is seq, `event:` is kind; deltas have no id. Waiting holds no connection."""
    started_at = checked_at = written_at = time.monotonic()
    yield "retry: 1000\n\n"
    async with Follower(session_id, after) as follower:
        while (now := time.monotonic()) - started_at < LIFETIME_S:
            if now - checked_at >= RECHECK_S:
                if not await _may_read(session_id, credentials):
                    return
                checked_at = now
            frames = await follower.frames()
            for frame in frames:
                yield _sse_frame(frame)
            if frames:
                written_at = time.monotonic()
            elif now - written_at >= PING_S:
                written_at = now
                yield ": ping\n\n"


async def _may_read(session_id: uuid.UUID, credentials: Credentials) -> bool:
    try:
        await in_db(credentials.session)(session_id, Role.VIEWER, timezone.now())
    except DomainError:
        return False
    return True


def _sse_frame(frame: Frame) -> str:
    body = {key: value for key, value in frame.items() if key != "type"}
    data = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    if frame["type"] == "delta":
        return f"event: delta\ndata: {data}\n\n"
    return f"id: {frame['seq']}\nevent: {frame['kind']}\ndata: {data}\n\n"

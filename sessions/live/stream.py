"""Following a session's log: what was missed, then what comes, each event once and in order; and SSE made of it."""

from __future__ import annotations

import asyncio
import contextlib
import time
import uuid
from collections.abc import AsyncGenerator
from types import TracebackType
from typing import Any, Self

from asgiref.sync import SyncToAsync
from channels.db import database_sync_to_async as in_db
from django.utils import timezone

from accounts.errors import DomainError
from accounts.tenancy import Role
from sessions import queries
from sessions.live import frames
from sessions.live.credentials import Credentials, Recheck
from sessions.live.frames import Delta, Frame
from sessions.live.start import Start
from sessions.live.watch import watch
from sessions.models import AgentSession

PAGE, PAGE_BYTES = 100, 512 * 1024  # of events held in memory at a time; at least one
WAIT_S = 5.0  # what the callers have to do besides is done that often
MAX_DELTA = 64 * 1024  # characters of one joined delta
MAX_STREAMED = 16  # blocks that stream at a time: the agent's own and those of its sub-agents
CATCH_UP_TRIES, CATCH_UP_S = 6, 0.25  # the runner keeps what streams once a second
PING_S = 15.0
LIFETIME_S = 3600.0  # of one SSE response; EventSource comes back by itself with Last-Event-ID


class Follower:
    """One reader's way through one log. It holds a number and a position in the shared feed: slow readers are cheap."""

    def __init__(self, session_id: uuid.UUID, after: int) -> None:
        self.seq = after
        self._session_id = session_id
        self._rung = asyncio.Event()
        self._reading = watch().reading(session_id, self._rung)
        self._is_behind = True
        self._places: dict[str, int] = {}
        self._streamed: dict[str, int] = {}  # block -> how many of its characters the reader has

    async def __aenter__(self) -> Self:
        """Listening begins before the first read: what comes in between is heard of."""
        self._feed = await self._reading.__aenter__()
        self._position = self._feed.end
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._reading.__aexit__(kind, error, trace)

    def note_state(self, last_seq: int, live: dict[str, Any]) -> None:
        """The reader knows how far the log reached a moment ago, and has the text that streamed then."""
        self._feed.note(last_seq)
        self.seq = min(self.seq, last_seq)  # ahead of the log: the server was restored from a backup
        self._is_behind = False
        if live:
            self._note_streamed(live["block"], len(live["text"]))

    def start_at(self, seq: int) -> None:
        """The reader has got all up to here in another way."""
        self._feed.note(seq)
        self.seq = seq

    async def frames(self) -> list[Frame]:
        """The next frames; empty when there was nothing for a moment."""
        if not self._has_more():
            self._rung.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(WAIT_S):
                    await self._rung.wait()
        if self._is_behind:
            return await self._page()
        if self._places != self._feed.places:
            self._places = self._feed.places
            return [frames.transient("queue", {"places": self._places})]
        if self._position < self._feed.end:
            return await self._next_item()
        return await self._page() if self._feed.last_seq > self.seq else []

    def _has_more(self) -> bool:
        feed = self._feed
        has_news = self._position < feed.end or feed.last_seq > self.seq or self._places != feed.places
        return self._is_behind or has_news

    async def _page(self) -> list[Frame]:
        feed, told = self._feed, self._feed.last_seq
        found: list[Frame] = await in_db(queries.page_after)(self._session_id, self.seq, PAGE, PAGE_BYTES)
        self._is_behind = len(found) == PAGE
        if found:
            self.seq = found[-1].seq
            feed.note(self.seq)
            self._position = feed.after(self.seq, self._position)
        elif feed.last_seq == told:
            feed.last_seq = self.seq  # whoever told of more was wrong
        return found

    async def _next_item(self) -> list[Frame]:
        """Deltas stay between the events that they came between; a gap between events is read from the database."""
        item, position = self._feed.item(self._position)
        if isinstance(item, Frame):
            if item.seq > self.seq + 1 and (page := await self._page()):
                return page
            self._position = position + 1
            if item.seq != self.seq + 1:
                return []
            self.seq = item.seq
            return [item]
        self._position = position + 1
        return [frames.transient("delta", await self._whole(self._joined(item)))]

    async def _whole(self, delta: Delta) -> Delta:
        """With the text before it, where this reader has not got that: it came in mid-sentence, or fell behind."""
        known = self._streamed.get(delta["block"], 0)
        if delta["offset"] > known:
            delta = await self._caught_up(delta, known)
        self._note_streamed(delta["block"], delta["offset"] + len(delta["text"]))
        return delta

    async def _caught_up(self, delta: Delta, known: int) -> Delta:
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

    def _joined(self, delta: Delta) -> Delta:
        """A reader that fell behind gets what has gathered as one piece."""
        text = delta["text"]
        while self._position < self._feed.end and len(text) < MAX_DELTA:
            following, position = self._feed.item(self._position)
            if isinstance(following, Frame):
                break
            if (following["block"], following["offset"]) != (delta["block"], delta["offset"] + len(text)):
                break
            text += following["text"]
            self._position = position + 1
        return {**delta, "text": text}


async def sse(session_id: uuid.UUID, start: Start, credentials: Credentials) -> AsyncGenerator[str]:
    """The body of an SSE response: `id:` is seq, `event:` is kind; what is transient has no id.

    A reader that begins with the newest page gets it first, as `page`.
    """
    give_thread_back()

    async def look() -> None:
        await in_db(credentials.session)(session_id, Role.VIEWER, timezone.now())

    started_at = written_at = time.monotonic()
    yield "retry: 1000\n\n"
    async with Follower(session_id, start.after or 0) as follower, Recheck(look) as recheck:
        if page := await in_db(_page)(session_id, start):
            follower.start_at(page["last_seq"])
            yield frames.transient("page", page).for_sse(id=page["last_seq"])
        while (now := time.monotonic()) - started_at < LIFETIME_S:
            found = await follower.frames()
            for frame in found:
                yield frame.for_sse()
            if found:
                written_at = time.monotonic()
            elif now - written_at >= PING_S:
                written_at = now
                yield ": ping\n\n"
            try:
                await recheck.passed(is_idle=not found)
            except DomainError:
                return


def _page(session_id: uuid.UUID, start: Start) -> dict[str, Any] | None:
    with queries.one_moment():
        session = AgentSession.with_deleted.get(pk=session_id)
        if not start.wants_page(session.last_seq):
            return None
        return {**queries.newest_page(session, start.tail).shown(), "last_seq": session.last_seq}


def give_thread_back() -> None:
    """Django gives each request a thread of its own until it has ended; a stream lasts an hour and needs none.

    From here on it shares the thread and the connection of the sockets.
    """
    context = SyncToAsync.thread_sensitive_context.get(None)
    if context is not None:
        executor = SyncToAsync.context_to_thread_executor.pop(context, None)
        SyncToAsync.thread_sensitive_context.set(None)  # type: ignore[arg-type]
        if executor is not None:
            executor.shutdown(wait=False)

"""One look at the database for all sessions that are read in this process: a doorbell may be lost, a look is not."""

from __future__ import annotations

import asyncio
import contextlib
import time
import uuid
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from weakref import WeakKeyDictionary

import structlog
from channels.db import database_sync_to_async as in_db

from sessions import dispatch, queries
from sessions.live.feed import Feed

logger = structlog.get_logger(__name__)

TICK_S = 0.25
PLACES_S = 2.0  # how often the places in the queue are looked at


class Watch:
    """The feeds of one event loop, and the task that keeps them true."""

    def __init__(self) -> None:
        self._feeds: dict[uuid.UUID, Feed] = {}
        self._task: asyncio.Task[None] | None = None
        self._placed_at = 0.0

    @contextlib.asynccontextmanager
    async def reading(self, session_id: uuid.UUID, reader: asyncio.Event) -> AsyncIterator[Feed]:
        """The session's feed, shared by all that read it here; `reader` is set when it has something new."""
        feed = self._feeds.setdefault(session_id, Feed(session_id))
        try:
            await feed.join(reader)
            if self._task is None:
                self._task = asyncio.create_task(self._keep_looking())
            yield feed
        finally:
            await self._leave(feed, reader)

    async def _leave(self, feed: Feed, reader: asyncio.Event) -> None:
        await feed.leave(reader)
        if not feed.is_read and self._feeds.get(feed.session_id) is feed:
            del self._feeds[feed.session_id]
        if not self._feeds and (task := self._task):
            self._task = None
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _keep_looking(self) -> None:
        while True:
            await asyncio.sleep(TICK_S)
            try:
                await self._look()
                await self._look_at_queue()
            except Exception as error:  # the database is away: readers wait for it
                logger.warning("watch_failed", error=repr(error))

    async def _look(self) -> None:
        now = time.monotonic()
        due = {id: feed for id, feed in self._feeds.items() if feed.is_due(now)}
        if not due:
            return
        for id, last_seq in (await in_db(queries.last_seqs)(list(due))).items():
            feed = due[id]
            feed.looked_at = now
            if last_seq > feed.last_seq:
                feed.active_at = now
                feed.note(last_seq)
                feed.wake()

    async def _look_at_queue(self) -> None:
        now = time.monotonic()
        if now - self._placed_at < PLACES_S or not self._feeds:
            return
        self._placed_at = now
        found = await in_db(_places)(list(self._feeds))
        for id, feed in self._feeds.items():
            if feed.places != found.get(id, {}):
                feed.places = found.get(id, {})
                feed.wake()


def _places(session_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, dict[str, int]]:
    """By session the places of its jobs that wait for the queue; asked only where any wait."""
    waiting = queries.waiting_jobs(session_ids)
    places = dispatch.places(sorted(set(waiting.values()))) if waiting else {}
    found: dict[uuid.UUID, dict[str, int]] = defaultdict(dict)
    for job_id, place in places.items():
        if session_id := waiting.get(job_id):
            found[session_id][str(job_id)] = place
    return found


_watches: WeakKeyDictionary[asyncio.AbstractEventLoop, Watch] = WeakKeyDictionary()


def watch() -> Watch:
    """That of the running loop."""
    loop = asyncio.get_running_loop()
    if loop not in _watches:
        _watches[loop] = Watch()
    return _watches[loop]

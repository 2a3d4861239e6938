"""What the doorbells of a session bring, kept once for all its readers in this process."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections import deque

from runtime import metrics
from sessions import events
from sessions.live import doorbell
from sessions.live.frames import Delta, Frame

MAX_ITEMS, MAX_BYTES = 1000, 512 * 1024  # that a feed keeps; who is further behind reads the database
POLL_S = 1.0  # how long a lost doorbell can go unnoticed while the session is busy
IDLE_POLL_S = 5.0  # and when nothing has happened for a minute
BUSY_S = 60.0

Item = Frame | Delta


class Feed:
    """The latest events and deltas of one session, each at a position that counts on for ever."""

    def __init__(self, session_id: uuid.UUID) -> None:
        self.session_id = session_id
        self.last_seq = 0  # as far as anybody has told
        self.places: dict[str, int] = {}
        self.active_at = self.looked_at = time.monotonic()
        self._items: deque[tuple[Item, int]] = deque()
        self._first, self._bytes = 0, 0
        self._readers: set[asyncio.Event] = set()
        self._group = events.watchers_group(session_id)

    @property
    def end(self) -> int:
        return self._first + len(self._items)

    def item(self, position: int) -> tuple[Item, int]:
        """What is there or, when that has been dropped, the oldest that is left; and its position."""
        position = max(position, self._first)
        return self._items[position - self._first][0], position

    def after(self, seq: int, position: int) -> int:
        """The position behind the last event up to `seq`, not before `position`."""
        for index in range(len(self._items) - 1, -1, -1):
            item = self._items[index][0]
            if isinstance(item, Frame) and item.seq <= seq:
                return max(position, self._first + index + 1)
        return position

    def hear(self, message: doorbell.Message) -> None:
        """Take one ring."""
        self.active_at = time.monotonic()
        if message["type"] == "session.delta":
            delta = message["delta"]
            self._keep(delta, len(delta["text"]))
        else:
            self.note(message["last_seq"])
            if "at" in message:
                metrics.EVENT_LAG_SECONDS.observe(max(0.0, time.time() - message["at"]))
            for seq, kind, body in message.get("events", ()):
                self._keep(Frame("event", body, seq, kind), len(body))
        self.wake()

    def note(self, last_seq: int) -> None:
        """The log reaches so far at least."""
        self.last_seq = max(self.last_seq, last_seq)

    def wake(self) -> None:
        for reader in self._readers:
            reader.set()

    def _keep(self, item: Item, size: int) -> None:
        self._items.append((item, size))
        self._bytes += size
        while len(self._items) > MAX_ITEMS or self._bytes > MAX_BYTES:
            self._bytes -= self._items.popleft()[1]
            self._first += 1

    def is_due(self, now: float) -> bool:
        """Whether the database should be asked how far the log reaches."""
        poll_s = POLL_S if now - self.active_at < BUSY_S else IDLE_POLL_S
        return now - max(self.looked_at, self.active_at) >= poll_s

    async def join(self, reader: asyncio.Event) -> None:
        """Listen for one more; what is said after this is heard."""
        self._readers.add(reader)
        if len(self._readers) == 1:
            await doorbell.hub().add(self._group, self.hear)

    async def leave(self, reader: asyncio.Event) -> None:
        self._readers.discard(reader)
        if not self._readers:
            await doorbell.hub().remove(self._group, self.hear)

    @property
    def is_read(self) -> bool:
        return bool(self._readers)

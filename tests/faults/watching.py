"""Somebody whose page is open all the time: comes back by number whenever the connection is lost."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from typing import Any

from tests.faults.world import Client
from tests.journeys.wire import Line, bearer, socket, stream

WAYS = {"ws": socket, "sse": stream}


class Watcher:
    """Follows one session's log over WebSocket or SSE, and keeps what it was told in the order it was told."""

    def __init__(self, client: Client, session_id: str, way: str) -> None:
        self._client, self._session_id, self._open = client, session_id, WAYS[way]
        self._is_over = threading.Event()
        self.seen: list[dict[str, Any]] = []
        self.connections = 0
        self._thread = threading.Thread(target=self._follow, daemon=True)
        self._thread.start()

    def _follow(self) -> None:
        while not self._is_over.is_set():
            with contextlib.suppress(OSError, AssertionError):
                self._read_one()
            self._is_over.wait(0.1)

    def _read_one(self) -> None:
        after = self.seen[-1]["seq"] if self.seen else 0
        with self._open(self._client.world.server, self._session_id, after=after, **bearer(self._client.token)) as line:
            self.connections += 1
            taken = 0
            while not self._is_over.is_set():
                taken = self._take(line, taken)
                if line.is_over.is_set():
                    break
                time.sleep(0.02)
        self._take(line, taken)

    def _take(self, line: Line, taken: int) -> int:
        found = line.events()
        self.seen += found[taken:]
        return len(found)

    def wait_for(self, seq: int, timeout_s: float = 30) -> None:
        deadline = time.monotonic() + timeout_s
        while not self.seen or self.seen[-1]["seq"] < seq:
            assert time.monotonic() < deadline, f"event {seq} was not shown"
            time.sleep(0.05)

    def close(self) -> None:
        self._is_over.set()
        self._thread.join(20)


@contextlib.contextmanager
def watching(client: Client, session_id: str) -> Iterator[list[Watcher]]:
    """One page by WebSocket and one by SSE. At the end both have seen what the log holds, once and in order."""
    watchers = [Watcher(client, session_id, way) for way in WAYS]
    try:
        yield watchers
        log = client.events(session_id)
        for watcher in watchers:
            watcher.wait_for(log[-1]["seq"])
            assert [_key(event) for event in watcher.seen] == [_key(event) for event in log]
    finally:
        for watcher in watchers:
            watcher.close()


def _key(event: dict[str, Any]) -> tuple[Any, ...]:
    return event["seq"], event["kind"], event["payload"]

"""Questions that may hang: asked in a thread, one at a time, and waited for only so long."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Generic, TypeVar

from django.db import connections

T = TypeVar("T")


class Probe(Generic[T]):
    """One question, whose askers share the answer that is on its way: a hang costs one thread however many ask."""

    def __init__(self, ask: Callable[[], T], name: str = "") -> None:
        self.name = name or getattr(ask, "__name__", "probe")
        self._ask = ask
        self._lock = threading.Lock()
        self._pending: Future[T] | None = None

    def start(self) -> Future[T]:
        """The answer on its way; its `result(timeout)` raises TimeoutError, or what the question raised."""
        with self._lock:
            if self._pending is None or self._pending.done():
                self._pending = Future()
                # A daemon: a question that hangs must not keep the process from ending.
                threading.Thread(target=self._run, args=(self._pending,), daemon=True, name=self.name).start()
            return self._pending

    def _run(self, pending: Future[T]) -> None:
        try:
            try:
                answer = self._ask()
            finally:
                connections.close_all()
        except Exception as error:
            pending.set_exception(error)
        else:
            pending.set_result(answer)

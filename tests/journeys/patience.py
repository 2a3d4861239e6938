"""How patient people are: where servers die they ask again, with the same id, and read on by number."""

from __future__ import annotations

import contextlib
import http.client
import os
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import psycopg

T = TypeVar("T")

IS_CHAOS = os.environ.get("JOURNEYS") == "chaos"
PATIENCE = 6 if IS_CHAOS else 2  # what takes a moment on an idle machine takes longer where processes share a busy one
TRIES = 100 if IS_CHAOS else 1  # how often people ask again who get no answer
PAUSE_S = 0.3
AWAY = (500, 502, 503, 504)
NO_ANSWER = (OSError, http.client.HTTPException)
NO_DATABASE = (psycopg.OperationalError, psycopg.InterfaceError)


def patiently(ask: Callable[[], T], *lost: type[Exception]) -> T:
    """The answer, however often one must ask. Raises: what `ask` raises, the last of `lost` included."""
    for _ in range(TRIES - 1):
        with contextlib.suppress(*lost):
            return ask()
        time.sleep(PAUSE_S)
    return ask()


def tries() -> Iterator[int]:
    """Numbers of tries, with a pause between them."""
    for number in range(TRIES):
        if number:
            time.sleep(PAUSE_S)
        yield number


def key_of(method: str, path: str, body: Any) -> dict[str, str]:
    """The header by which a repetition is known for one, as every client of ours sends it."""
    if not IS_CHAOS or method != "POST" or path.endswith("/tokens"):  # a token is told once only
        return {}
    given = body if isinstance(body, dict) else {}
    key = given.get("id") or given.get("message_id")
    is_fit = isinstance(key, str) and key.isascii() and key.isprintable()
    return {"Idempotency-Key": str(key if is_fit else uuid.uuid4())}


def pauses() -> Iterator[float]:
    """Between one look and the next, which takes the server's time, too: short at first, and then half a second."""
    pause = 0.05
    while True:
        yield pause
        pause = min(0.5, 1.3 * pause)

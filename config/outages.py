"""After a database outage: connections that died in the pool are dropped at once, not one failed request each."""

from __future__ import annotations

import threading
from typing import Any

import structlog
from django.db import connection
from psycopg_pool import ConnectionPool

logger = structlog.get_logger(__name__)

_checking = threading.Lock()


def drop_dead_connections() -> None:
    """Look through the pool in a thread of its own, since a half-dead line may take half a minute to show it."""
    pool: ConnectionPool[Any] | None = getattr(connection, "pool", None)
    if pool is not None and _checking.acquire(blocking=False):
        threading.Thread(target=_check, args=(pool,), name="pool check", daemon=True).start()


def _check(pool: ConnectionPool[Any]) -> None:
    try:
        pool.check()
    except Exception as error:
        logger.warning("pool_check_failed", error=str(error))
    finally:
        _checking.release()

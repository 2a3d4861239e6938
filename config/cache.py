"""The shared cache, and a small one of each process's own for as long as Redis is out of reach."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import structlog
from django.core.cache.backends.base import BaseCache
from django.core.cache.backends.locmem import LocMemCache
from django.core.cache.backends.redis import RedisCache
from redis.exceptions import RedisError

logger = structlog.get_logger(__name__)

PAUSE_S = 5.0  # how long Redis is left alone after it failed: each try may take a second


def _either(name: str) -> Callable[..., Any]:
    def call(self: Cache, *args: Any, **options: Any) -> Any:
        return self.ask(name, *args, **options)

    return call


class Cache(BaseCache):
    """Redis; while it fails, counters such as sign-in limits go on per process instead of failing requests."""

    def __init__(self, location: str, params: dict[str, Any]) -> None:
        super().__init__(params)
        self._shared = RedisCache(location, params)
        self._own = LocMemCache("while-redis-is-away", {})
        self._pause_until = 0.0

    def ask(self, name: str, *args: Any, **options: Any) -> Any:
        if time.monotonic() >= self._pause_until:
            try:
                return getattr(self._shared, name)(*args, **options)
            except (RedisError, OSError) as error:
                self._pause_until = time.monotonic() + PAUSE_S
                logger.warning("cache_failed", error=repr(error))
        return getattr(self._own, name)(*args, **options)

    add = _either("add")
    get = _either("get")
    set = _either("set")
    touch = _either("touch")
    delete = _either("delete")
    incr = _either("incr")
    has_key = _either("has_key")
    get_many = _either("get_many")
    set_many = _either("set_many")
    delete_many = _either("delete_many")
    clear = _either("clear")

"""The cache with and without Redis."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from redis import ConnectionPool

from config import cache
from config.cache import Cache
from tests.journeys.cluster import Redis


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[Redis]:
    started = Redis(tmp_path)
    started.start()
    yield started
    started.kill()


@pytest.fixture
def opened(redis: Redis) -> Iterator[Callable[[], Cache]]:
    """What makes the cache of one more process."""
    pools: list[ConnectionPool] = []

    class Pool(ConnectionPool):
        def __init__(self, **options: Any) -> None:
            super().__init__(**options)
            pools.append(self)

    options = {"socket_connect_timeout": 1, "socket_timeout": 1, "pool_class": Pool}
    yield lambda: Cache(f"redis://127.0.0.1:{redis.port}", {"OPTIONS": options})
    for pool in pools:
        pool.disconnect()


class TestCache:
    def test_is_shared_between_processes(self, opened: Callable[[], Cache]) -> None:
        one, other = opened(), opened()
        one.set("key", 1)
        other.incr("key")

        assert one.get("key") == 2

    def test_counts_on_by_itself_while_redis_is_away_and_shares_again_afterwards(
        self, redis: Redis, opened: Callable[[], Cache], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(cache, "PAUSE_S", 0.0)
        one, other = opened(), opened()
        redis.kill()

        assert one.add("key", 1)
        assert not one.add("key", 1)
        assert one.incr("key") == 2
        assert other.get("missing", "default") == "default"
        redis.start()
        one.set("key", 5)
        assert other.get("key") == 5

    def test_leaves_redis_alone_for_a_while_after_it_failed(
        self, redis: Redis, opened: Callable[[], Cache], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(cache, "PAUSE_S", 3600.0)
        one = opened()
        redis.kill()
        one.set("key", "own")
        redis.start()

        assert one.get("key") == "own"

"""The cache with and without Redis."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from config import cache
from config.cache import Cache
from tests.journeys.cluster import Redis


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[Redis]:
    started = Redis(tmp_path)
    started.start()
    yield started
    started.kill()


def opened(redis: Redis) -> Cache:
    options = {"socket_connect_timeout": 1, "socket_timeout": 1}
    return Cache(f"redis://127.0.0.1:{redis.port}", {"OPTIONS": options})


class TestCache:
    def test_is_shared_between_processes(self, redis: Redis) -> None:
        one, other = opened(redis), opened(redis)
        one.set("key", 1)
        other.incr("key")

        assert one.get("key") == 2

    def test_counts_on_by_itself_while_redis_is_away_and_shares_again_afterwards(
        self, redis: Redis, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(cache, "PAUSE_S", 0.0)
        one, other = opened(redis), opened(redis)
        redis.kill()

        assert one.add("key", 1)
        assert not one.add("key", 1)
        assert one.incr("key") == 2
        assert other.get("missing", "default") == "default"
        redis.start()
        one.set("key", 5)
        assert other.get("key") == 5

    def test_leaves_redis_alone_for_a_while_after_it_failed(
        self, redis: Redis, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(cache, "PAUSE_S", 3600.0)
        one = opened(redis)
        redis.kill()
        one.set("key", "own")
        redis.start()

        assert one.get("key") == "own"

"""Readiness in parts: what is down, what is merely slower, and what hangs."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import OperationalError
from django.test import Client

from config.env import Env
from config.observability import health
from config.observability.probes import Probe


def failing(error: Exception) -> Callable[[], None]:
    def check() -> None:
        raise error

    return check


@pytest.fixture
def replace(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, Callable[[], None]], None]:
    def put(name: str, check: Callable[[], None]) -> None:
        late = health.PROBES[name][1]
        monkeypatch.setitem(health.PROBES, name, (Probe(check), late))

    return put


class TestReady:
    def test_names_every_part(self, db: None, client: Client) -> None:
        answer = client.get("/api/ready").json()

        assert answer["status"] in ("ok", "degraded")  # the disk of this machine may be low
        assert answer["checks"].keys() == {"database", "migrations", "channels", "disk"}
        assert answer["checks"]["database"] == answer["checks"]["migrations"] == "ok"

    def test_is_503_with_retry_after_and_names_what_is_down(self, db: None, client: Client, replace: Any) -> None:
        replace("database", failing(OperationalError("host 10.1.2.3 refused")))

        response = client.get("/api/ready")

        assert (response.status_code, response["Retry-After"]) == (503, "2")
        assert response.json()["error"] == "unavailable"
        assert response.json()["details"] == [{"field": "database", "message": "This is down."}]
        assert "10.1.2.3" not in response.content.decode()

    def test_goes_on_without_redis(self, db: None, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(health, "env", Env(redis_url="redis://127.0.0.1:1"))

        answer = client.get("/api/ready")

        assert answer.status_code == 200
        assert (answer.json()["status"], answer.json()["checks"]["channels"]) == ("degraded", "degraded")

    @pytest.mark.parametrize(("low", "full", "state"), [(2**60, 0, "degraded"), (2**60, 2**60, "down"), (0, 0, "ok")])
    def test_looks_at_the_disk(
        self, db: None, monkeypatch: pytest.MonkeyPatch, low: int, full: int, state: str
    ) -> None:
        monkeypatch.setattr(health, "LOW_BYTES", low)
        monkeypatch.setattr(health, "FULL_BYTES", full)
        assert health.checks()["disk"] == state

    def test_a_migration_that_is_missing_is_down(self, db: None, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(health, "_known_migrations", lambda: frozenset({("accounts", "9999_of_tomorrow")}))
        assert health.checks()["migrations"] == "down"


class TestHanging:
    @pytest.fixture
    def hang(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
        released = threading.Event()
        monkeypatch.setattr(health, "ANSWER_WITHIN_S", 0.1)
        yield released
        released.set()

    def test_a_question_without_an_answer_is_down(self, db: None, replace: Any, hang: threading.Event) -> None:
        replace("database", lambda: bool(hang.wait(30)) and None)
        assert health.checks()["database"] == "down"

    def test_it_costs_one_thread_however_often_it_is_asked(self, hang: threading.Event) -> None:
        asked: list[int] = []

        def ask() -> None:
            asked.append(1)
            hang.wait(30)

        probe = Probe(ask)
        pending = {probe.start() for _ in range(20)}
        hang.set()
        for one in pending:
            one.result(5)

        assert (len(pending), len(asked)) == (1, 1)
        assert probe.start() not in pending


class TestProbe:
    def test_tells_what_the_question_raised(self) -> None:
        with pytest.raises(OperationalError, match="gone"):
            Probe(failing(OperationalError("gone"))).start().result(5)

"""The status of environments: asked at once, kept for a while, whatever a place does."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from django.core.cache import cache
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import Organization, User
from environments import health
from environments.models import Environment
from environments.probes import Status
from sandbox.errors import SandboxError
from tests.client import ApiClient

pytestmark = pytest.mark.django_db


class Place:
    """A probe that a test tells what to do."""

    def __init__(self) -> None:
        self.asked = 0
        self.act: Any = None

    async def probe(self, environment: Environment) -> Status:
        self.asked += 1
        if isinstance(self.act, Exception):
            raise self.act
        if self.act:
            await self.act()
        return Status(True, details={"is_here": True})


@pytest.fixture
def place(monkeypatch: pytest.MonkeyPatch) -> Place:
    found = Place()
    cache.clear()
    monkeypatch.setattr(health, "_probe_of", lambda kind: found.probe)
    return found


@pytest.fixture
def environment(organization: Organization) -> Environment:
    return Environment.objects.get(organization=organization)


class TestStatus:
    async def test_is_kept_until_the_configuration_is_another(self, environment: Environment, place: Place) -> None:
        for _ in range(3):
            assert (await health.status_of(environment))["details"] == {"is_here": True}
        assert place.asked == 1

        environment.config = {"mount_credentials": False}
        await health.status_of(environment)
        health.forget(environment)
        await health.status_of(environment)
        assert place.asked == 3

    @pytest.mark.parametrize(
        ("error", "told"),
        [
            (SandboxError("The place is on fire."), "The place is on fire."),
            (OSError(111, "Connection refused"), "refused"),
            (RuntimeError("secret"), "by a fault of the server"),
        ],
    )
    async def test_says_what_is_wrong(
        self, environment: Environment, place: Place, error: Exception, told: str
    ) -> None:
        place.act = error

        status = await health.status_of(environment)

        assert (status["available"], told in status["error"], "secret" in status["error"]) == (False, True, False)

    async def test_does_not_wait_for_a_place_that_does_not_answer(
        self, environment: Environment, place: Place, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(health, "PROBE_S", 0.05)
        place.act = asyncio.Event().wait

        assert "did not answer" in (await health.status_of(environment))["error"]

    async def test_asks_all_at_once(self, environment: Environment, place: Place) -> None:
        met = asyncio.Barrier(3)
        place.act = met.wait
        rows = [environment, *(Environment(organization_id=environment.organization_id, kind="HOST") for _ in range(2))]

        assert len(await health.statuses(rows)) == 3


class TestTheList:
    def test_asks_no_place_unless_it_is_to(
        self, api: type[ApiClient], alice: User, environment: Environment, place: Place
    ) -> None:
        plain = api(alice).get("/environments").json()["items"][0]
        full = [api(alice).get(f"/environments?{name}=true").json()["items"][0] for name in STATUS_NAMES]

        assert plain["status"] is None
        assert [one["status"]["available"] for one in full] == [True, True]
        assert place.asked == 1

    def test_takes_as_many_queries_for_many(
        self, api: type[ApiClient], alice: User, environment: Environment, place: Place
    ) -> None:
        counts = []
        for number in range(2):
            client = api(alice)
            with CaptureQueriesContext(connection) as seen:
                client.get("/environments?include_status=true")
            counts.append(len(seen))
            for more in range(5):
                Environment.objects.create(organization=environment.organization, name=f"{number}{more}", kind="HOST")

        assert counts[0] == counts[1]


STATUS_NAMES = ("include_status", "includeStatus")

"""A request for an environment that is repeated makes one environment."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from accounts.models import Organization, User
from environments.models import Environment
from tests.client import ApiClient
from tests.concurrency import at_once


@pytest.fixture
def client(transactional_db: None, alice: User, organization: Organization) -> ApiClient:
    return ApiClient(alice)


def body(organization: Organization, **values: Any) -> dict[str, Any]:
    given = {"id": str(uuid.uuid4()), "organization_id": str(organization.pk), "name": "second", "kind": "HOST"}
    return given | values


def added() -> int:
    return int(Environment.objects.filter(is_default=False).count())


class TestSameIdAgain:
    def test_gives_the_same_environment(self, client: ApiClient, organization: Organization) -> None:
        asked = body(organization, description="Ours.")

        first, second = (client.post("/environments", asked) for _ in range(2))

        assert (first.status_code, second.status_code) == (201, 201)
        assert first.json() == second.json()
        assert added() == 1

    def test_makes_one_when_all_come_at_once(self, client: ApiClient, organization: Organization) -> None:
        asked = body(organization)

        answers = at_once(*[lambda: client.post("/environments", asked)] * 6)

        assert [answer.status_code for answer in answers] == [201] * 6
        assert len({answer.json()["id"] for answer in answers}) == added() == 1

    def test_is_a_header_too(self, client: ApiClient, organization: Organization) -> None:
        client.headers["Idempotency-Key"] = str(uuid.uuid4())
        asked = body(organization)
        del asked["id"]

        made = [client.post("/environments", asked) for _ in range(2)]

        assert [answer.status_code for answer in made] == [201, 201]

    @pytest.mark.parametrize("change", [{"name": "third"}, {"description": "x"}])
    def test_for_another_environment_is_a_conflict(
        self, client: ApiClient, organization: Organization, change: dict[str, Any]
    ) -> None:
        asked = body(organization)
        client.post("/environments", asked)

        answer = client.post("/environments", asked | change)

        assert (answer.status_code, added()) == (409, 1)

    def test_leaves_names_unique(self, client: ApiClient, organization: Organization) -> None:
        client.post("/environments", body(organization))

        answer = client.post("/environments", body(organization))

        assert answer.status_code == 409
        assert answer.json()["details"][0]["field"] == "name"

    def test_says_nothing_of_a_strangers_environment(
        self, client: ApiClient, organization: Organization, alice: User, charlie: User
    ) -> None:
        asked = body(organization)
        client.post("/environments", asked)

        assert ApiClient(charlie).post("/environments", asked).status_code == 404

"""A request for an API token that is repeated makes one token, whose secret is told once."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from accounts.models import ApiToken, Organization, User
from tests import factories
from tests.client import ApiClient
from tests.concurrency import at_once


@pytest.fixture
def client(transactional_db: None, bob: User) -> ApiClient:
    return ApiClient(bob)


def body(organization: Organization, **values: Any) -> dict[str, Any]:
    given = {"id": str(uuid.uuid4()), "organization_id": str(organization.pk), "name": "ci", "scopes": ["READ"]}
    return given | {"expires_in_days": 7} | values


class TestSameIdAgain:
    def test_gives_the_same_token_without_its_secret(self, client: ApiClient, organization: Organization) -> None:
        asked = body(organization, scopes=["WRITE", "READ"])

        first, second = client.post("/tokens", asked), client.post("/tokens", asked | {"scopes": ["READ", "WRITE"]})

        assert (first.status_code, second.status_code) == (201, 200)
        assert first.json()["token"].startswith("slp_")
        assert second.json() == first.json() | {"token": None}
        assert ApiToken.objects.count() == 1

    def test_makes_one_when_all_come_at_once(self, client: ApiClient, organization: Organization) -> None:
        asked = body(organization)

        answers = at_once(*[lambda: client.post("/tokens", asked)] * 6)

        assert sorted(answer.status_code for answer in answers) == [200] * 5 + [201]
        assert len([answer for answer in answers if answer.json()["token"]]) == ApiToken.objects.count() == 1

    def test_is_a_header_too(self, client: ApiClient, organization: Organization) -> None:
        client.headers["Idempotency-Key"] = str(uuid.uuid4())
        asked = body(organization)
        del asked["id"]

        made = [client.post("/tokens", asked) for _ in range(2)]

        assert [answer.status_code for answer in made] == [201, 200]
        assert ApiToken.objects.count() == 1

    @pytest.mark.parametrize("change", [{"name": "x"}, {"scopes": ["WRITE"]}, {"expires_in_days": None}])
    def test_for_another_token_is_a_conflict(
        self, client: ApiClient, organization: Organization, change: dict[str, Any]
    ) -> None:
        asked = body(organization)
        client.post("/tokens", asked)

        assert client.post("/tokens", asked | change).status_code == 409
        assert ApiToken.objects.count() == 1

    def test_after_the_token_was_revoked_is_a_conflict(self, client: ApiClient, organization: Organization) -> None:
        asked = body(organization)
        made = client.post("/tokens", asked).json()
        client.delete(f"/tokens/{made['id']}")

        assert client.post("/tokens", asked).status_code == 409
        assert not ApiToken.objects.filter(revoked_at=None).exists()

    def test_says_nothing_of_a_colleagues_token(
        self, client: ApiClient, alice: User, organization: Organization
    ) -> None:
        asked = body(organization)
        theirs = ApiClient(alice).post("/tokens", asked).json()

        mine = client.post("/tokens", asked)

        assert mine.status_code == 201
        assert mine.json()["id"] != theirs["id"]

    def test_needs_the_role_still(self, client: ApiClient, bob: User, organization: Organization) -> None:
        asked = body(organization, scopes=["WRITE"])
        client.post("/tokens", asked)
        bob.memberships.update(role="VIEWER")

        assert client.post("/tokens", asked).status_code == 403

    def test_does_not_open_it_to_a_token(self, client: ApiClient, bob: User, organization: Organization) -> None:
        asked = body(organization)
        client.post("/tokens", asked)

        assert ApiClient(token=factories.make_token(bob, organization)).post("/tokens", asked).status_code == 403

"""The frame round the API: what every request meets, whatever the route."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client

from accounts.models import Membership, Organization, User
from config.api import api
from config.parser import MAX_DEPTH
from tests.client import ApiClient


@pytest.fixture
def path(organization: Organization) -> str:
    return f"/orgs/{organization.id}"


class TestBodies:
    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"{",
            b"null",
            b"[]",
            b'"name"',
            b'{"name": "\xff"}',
            b'{"name": "a\\u0000b"}',
            b'{"name": "\\ud800"}',
            b'{"na\\u0000me": "x", "name": "y"}',
            b'{"name": NaN}',
            b'{"name": 1' + b"0" * 10_000 + b"}",
            b'{"name": "y", "deep": ' + b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1) + b"}",
            b'{"name": ' + b"[" * 200_000,
            b'{"name": "' + b"x" * 10_000 + b'"}',
        ],
        ids=lambda body: repr(body[:24]),
    )
    def test_bad_ones_are_a_400_and_change_nothing(
        self, body: bytes, path: str, alice: User, organization: Organization
    ) -> None:
        response = ApiClient(alice).send("PATCH", path, body)

        assert response.status_code == 400, response.content[:300]
        assert response.json()["error"] == "validation_error"
        assert len(response.content) < 2000
        organization.refresh_from_db()
        assert organization.name == "acme"

    def test_must_be_json(self, path: str, alice: User) -> None:
        client = ApiClient(alice)

        for content_type in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"):
            response = client.http.generic(
                "PATCH", f"/api{path}", b'{"name": "x"}', content_type, headers=client.headers
            )
            assert response.status_code == 400
            assert "application/json" in response.json()["message"]

    @pytest.mark.parametrize("body", [b"null", b"true", b"[]", b"[{}]", b"5", b'"name"'])
    def test_must_be_an_object(self, body: bytes, path: str, alice: User) -> None:
        client = ApiClient(alice)

        response = client.http.generic("PATCH", f"/api{path}", body, "application/json", headers=client.headers)

        assert (response.status_code, response.json()["message"]) == (400, "The body is not a JSON object.")

    def test_forms_for_a_json_route_are_a_400(self, organization: Organization, alice: User) -> None:
        response = ApiClient(alice).upload("/tokens", name="x", organization_id=str(organization.id))

        assert response.status_code == 400

    def test_too_large_is_a_413(self, path: str, alice: User, settings: Any) -> None:
        settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1000

        response = ApiClient(alice).patch(path, {"name": "x" * 2000})

        assert response.status_code == 413
        assert response.json()["error"] == "validation_error"

    @pytest.mark.parametrize("query", ["cursor=%00", "cursor=1", "limit=0", "limit=201", "limit=x", "limit=%FF"])
    def test_bad_queries_are_a_400(self, query: str, alice: User) -> None:
        assert ApiClient(alice).http.get(f"/api/orgs?{query}", headers={}).status_code == 400


class TestNotThere:
    @pytest.mark.parametrize("id", ["1", "x" * 36, "00000000-0000-0000-0000-00000000000", "%00", "..%2f..", "-", "ü"])
    def test_a_malformed_id_answers_as_a_random_one(self, id: str, alice: User) -> None:
        client = ApiClient(alice)
        random = client.get("/orgs/01890000-0000-7000-8000-000000000000/members")
        malformed = client.get(f"/orgs/{id}/members")

        assert malformed.status_code == 404
        assert without_request_id(malformed) == without_request_id(random)

    def test_an_unknown_address_answers_in_the_one_form(self, db: None) -> None:
        response = ApiClient().get("/nothing/here")

        assert response.status_code == 404
        assert response.json()["error"] == "not_found"

    def test_another_method_answers_in_the_one_form(self, alice: User) -> None:
        response = ApiClient(alice).put("/me", {})

        assert response.status_code == 405
        assert response.json()["error"] == "method_not_allowed"
        assert response["Allow"] == "GET"


class TestAnswers:
    def test_are_never_cached(self, alice: User) -> None:
        for response in (ApiClient(alice).get("/me"), ApiClient().get("/me"), ApiClient().get("/nowhere")):
            assert response["Cache-Control"] == "no-store"

    def test_carry_a_request_id(self, alice: User) -> None:
        client = ApiClient()
        client.headers["X-Request-ID"] = "my-own-request-1"

        response = client.get("/me")

        assert response["X-Request-ID"] == response.json()["request_id"] == "my-own-request-1"

    def test_refuse_a_forged_request_id(self, alice: User) -> None:
        client = ApiClient()
        client.headers["X-Request-ID"] = "<script>"

        assert client.get("/me").json()["request_id"] not in ("", "<script>")

    def test_a_foreign_host_is_a_400(self, db: None) -> None:
        response = Client(headers={"Host": "evil.example"}).get("/api/health")

        assert response.status_code == 400
        assert response.json()["error"] == "validation_error"

    def test_a_crash_outside_the_api_code_leaks_nothing(self, db: None, settings: Any) -> None:
        settings.ROOT_URLCONF = "tests.config.pages"

        response = Client(raise_request_exception=False).get("/api/crash")

        assert response.status_code == 500
        assert response.json()["error"] == "system_error"
        assert b"secret" not in response.content


class TestPages:
    @pytest.fixture(autouse=True)
    def _urls(self, db: None, settings: Any) -> None:
        settings.ROOT_URLCONF = "tests.config.pages"

    @pytest.mark.parametrize(("kind", "status"), [("missing", 404), ("role", 403), ("fast", 429)])
    def test_show_the_page_of_the_error(self, kind: str, status: int, client: Client) -> None:
        response = client.get(f"/fail/{kind}")

        assert response.status_code == status
        assert response["Content-Type"].startswith("text/html")

    def test_send_the_anonymous_to_sign_in(self, client: Client) -> None:
        assert client.get("/fail/anonymous")["Location"] == "/accounts/login/?next=/fail/anonymous"


class TestHealth:
    def test_needs_no_sign_in_and_no_database(self, client: Client) -> None:
        # Without the `db` fixture any query fails the test.
        response = client.get("/api/health")

        assert response.json()["status"] == "ok"

    def test_ready_asks_the_database(self, db: None, client: Client) -> None:
        assert client.get("/api/ready").json()["status"] == "ok"


class TestOpenApi:
    def test_describes_every_route(self, db: None, client: Client) -> None:
        document = client.get("/api/openapi.json").json()

        assert document["info"]["title"] == "Slipway"
        assert "patch" in document["paths"]["/api/orgs/{organization_id}"]

    def test_puts_the_description_together_once(self) -> None:
        assert api.get_openapi_schema() is api.get_openapi_schema()


class TestMembers:
    def test_pages_hold_every_row_once(self, alice: User, organization: Organization) -> None:
        users = User.objects.bulk_create(User(email=f"{n}@example.com") for n in range(7))
        Membership.objects.bulk_create(Membership(organization=organization, user=user) for user in users)
        client, seen = ApiClient(alice), []
        cursor: str | None = ""

        while cursor is not None:
            body = client.get(f"/orgs/{organization.id}/members", limit=3, cursor=cursor).json()
            seen += [one["id"] for one in body["items"]]
            cursor = body["next"]

        assert len(seen) == len(set(seen)) == 8


def without_request_id(response: Any) -> str:
    body = response.json()
    del body["request_id"]
    return json.dumps(body)

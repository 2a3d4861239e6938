"""The accounts API."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts import services
from accounts.models import ApiToken, Membership, Organization, User
from accounts.tenancy import Role, Scope
from tests import factories
from tests.client import ApiClient


class TestMe:
    def test_names_user_and_organizations(self, bob: User, organization: Organization, api: type[ApiClient]) -> None:
        body = api(bob).get("/me").json()

        assert body == {
            "user": {"id": str(bob.id), "email": "bob@example.com", "name": "Bob"},
            "organizations": [
                {
                    "id": str(organization.id),
                    "name": "acme",
                    "is_personal": False,
                    "is_suspended": False,
                    "role": "MEMBER",
                }
            ],
        }

    def test_shows_what_a_token_opens(self, alice: User, organization: Organization, api: type[ApiClient]) -> None:
        factories.make_organization("second", alice)
        token = factories.make_token(alice, organization, Scope.READ)

        body = api(token=token).get("/me").json()

        assert [(one["name"], one["role"]) for one in body["organizations"]] == [("acme", "VIEWER")]

    def test_needs_credentials(self, db: None, api: type[ApiClient]) -> None:
        response = api().get("/me")

        assert response.status_code == 401
        assert response.json()["error"] == "unauthorized"


class TestOrganizations:
    def test_lists_only_the_callers(self, alice: User, charlie: User, api: type[ApiClient]) -> None:
        assert [one["name"] for one in api(alice).get("/orgs").json()["items"]] == ["acme"]

    def test_pages_through_all_in_one_query_each(
        self, alice: User, api: type[ApiClient], django_assert_num_queries: Any
    ) -> None:
        for number in range(4):
            factories.make_organization(f"org {number}", alice)
        client, seen = api(alice), []
        cursor: str | None = ""

        while cursor is not None:
            with django_assert_num_queries(4):  # session, user, roles, page
                body = client.get("/orgs", limit=2, cursor=cursor).json()
            seen += [one["name"] for one in body["items"]]
            cursor = body["next"]

        assert seen == ["acme", "org 0", "org 1", "org 2", "org 3"]

    def test_renames(self, alice: User, organization: Organization, api: type[ApiClient]) -> None:
        response = api(alice).patch(f"/orgs/{organization.id}", {"name": "  Acme Ltd "})

        assert response.json()["name"] == "Acme Ltd"
        organization.refresh_from_db()
        assert organization.name == "Acme Ltd"

    @pytest.mark.parametrize("name", ["", " ", "x" * 10_000, "a\x00b", "\ud800", "two\nlines", 5, None])
    def test_refuses_a_bad_name(
        self, name: object, alice: User, organization: Organization, api: type[ApiClient]
    ) -> None:
        response = api(alice).patch(f"/orgs/{organization.id}", {"name": name})

        assert response.status_code == 400
        assert response.json()["error"] == "validation_error"
        organization.refresh_from_db()
        assert organization.name == "acme"


class TestMembers:
    def test_lists_them(self, alice: User, bob: User, organization: Organization, api: type[ApiClient]) -> None:
        items = api(bob).get(f"/orgs/{organization.id}/members").json()["items"]

        assert [(one["user"]["email"], one["role"]) for one in items] == [
            ("alice@example.com", "OWNER"),
            ("bob@example.com", "MEMBER"),
        ]

    def test_changes_a_role(self, ada: User, bob: User, organization: Organization, api: type[ApiClient]) -> None:
        member = Membership.objects.get(user=bob)

        response = api(ada).patch(f"/orgs/{organization.id}/members/{member.id}", {"role": "VIEWER"})

        assert response.json()["role"] == "VIEWER"
        assert Membership.objects.get(user=bob).role == Role.VIEWER

    def test_does_not_reach_members_through_another_organization(
        self, alice: User, charlie: User, api: type[ApiClient], organization: Organization
    ) -> None:
        theirs = charlie.organizations.get()
        factories.join(theirs, alice, Role.OWNER)
        member = Membership.objects.get(user=charlie)

        assert api(alice).delete(f"/orgs/{organization.id}/members/{member.id}").status_code == 404
        assert Membership.objects.filter(pk=member.pk).exists()

    def test_removal_ends_access_and_tokens_at_once(
        self, alice: User, bob: User, organization: Organization, api: type[ApiClient]
    ) -> None:
        token = api(token=factories.make_token(bob, organization))
        session = api(bob)
        assert token.get("/me").status_code == session.get(f"/orgs/{organization.id}").status_code == 200

        member = Membership.objects.get(user=bob)
        assert api(alice).delete(f"/orgs/{organization.id}/members/{member.id}").status_code == 204

        assert token.get("/me").status_code == 401
        assert session.get(f"/orgs/{organization.id}").status_code == 404

    def test_the_last_owner_stays(self, alice: User, organization: Organization, api: type[ApiClient]) -> None:
        path = f"/orgs/{organization.id}/members/{Membership.objects.get(user=alice).id}"

        assert api(alice).patch(path, {"role": "ADMIN"}).status_code == 409
        assert api(alice).delete(path).status_code == 409
        assert Membership.objects.get(user=alice).role == Role.OWNER

    def test_an_admin_makes_and_removes_no_owner(
        self, alice: User, ada: User, bob: User, organization: Organization, api: type[ApiClient]
    ) -> None:
        members = f"/orgs/{organization.id}/members"
        owner, member = Membership.objects.get(user=alice), Membership.objects.get(user=bob)

        assert api(ada).patch(f"{members}/{member.id}", {"role": "OWNER"}).status_code == 403
        assert api(ada).patch(f"{members}/{owner.id}", {"role": "MEMBER"}).status_code == 403
        assert api(ada).delete(f"{members}/{owner.id}").status_code == 403


class TestTokens:
    def test_makes_one_that_works_and_shows_it_once(
        self, bob: User, organization: Organization, api: type[ApiClient]
    ) -> None:
        body = {
            "organization_id": str(organization.id),
            "name": "ci",
            "scopes": ["WRITE", "READ"],
            "expires_in_days": 7,
        }
        made = api(bob).post("/tokens", body)

        assert made.status_code == 201
        assert api(token=made.json()["token"]).get("/me").json()["organizations"][0]["role"] == "MEMBER"
        (listed,) = api(bob).get("/tokens").json()["items"]
        assert "token" not in listed
        assert listed["scopes"] == ["READ", "WRITE"]
        assert made.json()["token"].startswith(listed["prefix"])

    def test_revoked_is_refused_from_the_next_request_on(
        self, bob: User, organization: Organization, api: type[ApiClient]
    ) -> None:
        text = factories.make_token(bob, organization)
        token = api(token=text)
        assert token.get("/me").status_code == 200

        assert api(bob).delete(f"/tokens/{ApiToken.objects.get().id}").status_code == 204

        assert token.get("/me").status_code == 401
        assert api(bob).get("/tokens").json()["items"] == []

    def test_a_bad_token_is_refused_beside_a_good_session(self, bob: User, api: type[ApiClient]) -> None:
        client = api(bob)
        client.headers["Authorization"] = "Bearer slp_nonsense"

        assert client.get("/me").status_code == 401

    def test_a_member_cannot_make_an_admin_token(
        self, bob: User, organization: Organization, api: type[ApiClient]
    ) -> None:
        body = {"organization_id": str(organization.id), "name": "x", "scopes": ["READ", "ADMIN"]}

        assert api(bob).post("/tokens", body).status_code == 403
        assert not ApiToken.objects.exists()

    def test_a_token_makes_and_revokes_no_token(
        self, alice: User, organization: Organization, api: type[ApiClient]
    ) -> None:
        token = api(token=factories.make_token(alice, organization, Scope.ADMIN))
        body = {"organization_id": str(organization.id), "name": "x", "scopes": ["READ"]}

        assert token.post("/tokens", body).status_code == 403
        assert token.delete(f"/tokens/{ApiToken.objects.get().id}").status_code == 403
        assert ApiToken.objects.filter(revoked_at=None).count() == 1

    def test_nobody_reaches_a_colleagues_token(
        self, alice: User, bob: User, organization: Organization, api: type[ApiClient]
    ) -> None:
        factories.make_token(bob, organization)

        assert api(alice).delete(f"/tokens/{ApiToken.objects.get().id}").status_code == 404
        assert api(alice).get("/tokens").json()["items"] == []

    @pytest.mark.parametrize(
        "change", [{"scopes": []}, {"scopes": ["ROOT"]}, {"expires_in_days": 0}, {"name": ""}, {"organization_id": "1"}]
    )
    def test_refuses_bad_input(
        self, change: dict[str, object], bob: User, organization: Organization, api: type[ApiClient]
    ) -> None:
        body = {"organization_id": str(organization.id), "name": "ci", "scopes": ["READ"], **change}

        response = api(bob).post("/tokens", body)

        assert response.status_code == 400
        assert [one["field"].split(".")[0] for one in response.json()["details"]] == list(change)
        assert not ApiToken.objects.exists()


class TestSuspendedOrganization:
    def test_answers_403_and_says_why(self, alice: User, organization: Organization, api: type[ApiClient]) -> None:
        token = factories.make_token(alice, organization)
        services.suspend_organizations(ids=[organization.id], now=timezone.now())

        for client in (api(alice), api(token=token)):
            response = client.get(f"/orgs/{organization.id}")
            assert response.status_code == 403
            assert "suspended" in response.json()["message"]
            assert client.get("/me").json()["organizations"][0]["is_suspended"] is True

    def test_works_again_when_resumed(self, alice: User, organization: Organization, api: type[ApiClient]) -> None:
        services.suspend_organizations(ids=[organization.id], now=timezone.now())
        services.resume_organizations(ids=[organization.id])

        assert api(alice).get(f"/orgs/{organization.id}").status_code == 200


class TestCsrf:
    def test_a_session_cannot_write_without_the_token(
        self, alice: User, organization: Organization, api: type[ApiClient]
    ) -> None:
        client = api(alice)
        client.headers.clear()

        response = client.patch(f"/orgs/{organization.id}", {"name": "stolen"})

        assert response.status_code == 403
        assert "CSRF" in response.json()["message"]

    @pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"])
    def test_a_cross_site_form_is_refused(
        self, content_type: str, alice: User, organization: Organization, api: type[ApiClient]
    ) -> None:
        http: Client = api(alice).http
        body = b'{"organization_id": "%s", "name": "x", "scopes": ["READ"]}' % str(organization.id).encode()

        response = http.generic("POST", "/api/tokens", body, content_type, headers={"Origin": "https://evil.example"})

        assert response.status_code == 403
        assert not ApiToken.objects.exists()

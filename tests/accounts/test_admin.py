"""The operator's admin pages."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import ApiToken, Organization, User
from tests import factories
from tests.client import ApiClient


@pytest.fixture
def operator(db: None) -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("operator@example.com", "x"))
    return client


class TestPages:
    @pytest.mark.parametrize("model", ["user", "organization", "apitoken"])
    def test_list_search_and_show(self, model: str, operator: Client, bob: User, organization: Organization) -> None:
        text = factories.make_token(bob, organization)
        row = {"user": bob, "organization": organization, "apitoken": ApiToken.objects.get()}[model]

        listed = operator.get(
            reverse(f"admin:accounts_{model}_changelist"), {"q": "acme" if model != "user" else "bob"}
        )
        shown = operator.get(reverse(f"admin:accounts_{model}_change", args=[row.pk]))

        assert listed.status_code == shown.status_code == 200
        assert str(row.pk) in listed.content.decode()
        assert text.rpartition("_")[2] not in shown.content.decode()
        assert ApiToken.objects.get().digest not in shown.content.decode()

    def test_are_closed_to_others(self, alice: User, client: Client) -> None:
        client.force_login(alice)

        assert client.get(reverse("admin:accounts_user_changelist")).status_code == 302

    def test_add_a_user(self, operator: Client) -> None:
        form = {
            "email": "Added@Example.com",
            "usable_password": "true",
            "password1": "a-very-long-passphrase",
            "password2": "a-very-long-passphrase",
            "memberships-TOTAL_FORMS": "0",
            "memberships-INITIAL_FORMS": "0",
        }

        response = operator.post(reverse("admin:accounts_user_add"), form)

        assert response.status_code == 302, response.content
        assert User.objects.get(email__iexact="added@example.com").check_password("a-very-long-passphrase")


class TestUserAdmin:
    def test_keeps_addresses_in_lower_case(self, operator: Client, bob: User) -> None:
        form = {"email": "BOB@example.com", "usable_password": "true", "password1": "a-very-long-passphrase"}
        form |= {"password2": form["password1"], "memberships-TOTAL_FORMS": "0", "memberships-INITIAL_FORMS": "0"}

        response = operator.post(reverse("admin:accounts_user_add"), form)

        assert response.status_code == 200
        assert User.objects.filter(email__iexact=bob.email).count() == 1

    @pytest.mark.parametrize("how", ["page", "action"])
    def test_deletes_members_but_not_the_last_owner(self, operator: Client, alice: User, bob: User, how: str) -> None:
        for user in (alice, bob):
            if how == "page":
                operator.post(reverse("admin:accounts_user_delete", args=[user.pk]), {"post": "yes"})
            else:
                form = {"action": "delete_selected", "_selected_action": [str(user.pk)], "post": "yes"}
                operator.post(reverse("admin:accounts_user_changelist"), form)

        assert User.objects.filter(pk=alice.pk).exists()
        assert not User.objects.filter(pk=bob.pk).exists()


class TestActions:
    def test_suspend_and_resume_an_organization(
        self, operator: Client, alice: User, organization: Organization
    ) -> None:
        page = reverse("admin:accounts_organization_changelist")
        client = ApiClient(alice)

        operator.post(page, {"action": "suspend", "_selected_action": [str(organization.pk)]})
        assert client.get(f"/orgs/{organization.id}").status_code == 403

        operator.post(page, {"action": "resume", "_selected_action": [str(organization.pk)]})
        assert client.get(f"/orgs/{organization.id}").status_code == 200

    def test_revoke_a_token(self, operator: Client, bob: User, organization: Organization) -> None:
        client = ApiClient(token=factories.make_token(bob, organization))
        token = ApiToken.objects.get()

        operator.post(
            reverse("admin:accounts_apitoken_changelist"), {"action": "revoke", "_selected_action": [str(token.pk)]}
        )

        assert client.get("/me").status_code == 401

"""Sign-up, verification by code, sign-in, reset and sign-out through the pages."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.core import mail
from django.core.cache import cache
from django.test import Client
from pytest_django.fixtures import Settings

from accounts.models import Organization, User
from tests import factories

NEW = {"email": "New@Example.com", "password1": "a-very-long-passphrase", "name": "Nina"}


@pytest.fixture(autouse=True)
def _no_rate_limits_left_over() -> None:
    cache.clear()


def mailed_code() -> str:
    text = str(mail.outbox[-1].body)
    found = re.search(r"^([A-Z0-9]{3,5}-?[A-Z0-9]{3,5})$", text, re.MULTILINE)
    assert found, text
    return found[1]


def sign_up(client: Client) -> None:
    response = client.post("/accounts/signup/", NEW)
    assert response.status_code == 302, response.content
    assert response["Location"] == "/accounts/confirm-email/"


@pytest.mark.django_db
class TestSignUp:
    def test_opens_nothing_before_the_code(self, client: Client) -> None:
        sign_up(client)

        assert client.get("/api/me").status_code == 401
        assert not Organization.objects.exists()

    def test_takes_the_mailed_code_and_makes_a_personal_organization(self, client: Client) -> None:
        sign_up(client)

        response = client.post("/accounts/confirm-email/", {"code": mailed_code()})

        assert response.status_code == 302, response.content
        me = client.get("/api/me").json()
        assert me["user"]["email"] == "new@example.com"
        assert me["user"]["name"] == "Nina"
        assert [(one["name"], one["role"], one["is_personal"]) for one in me["organizations"]] == [
            ("Nina", "OWNER", True)
        ]

    def test_leaves_no_greeting_for_a_page_that_is_opened_later(self, client: Client) -> None:
        sign_up(client)
        client.post("/accounts/confirm-email/", {"code": mailed_code()})

        page = client.get("/settings/notifications/")

        assert page.status_code == 200
        beside = re.sub(r"<slw-sidebar.*?</slw-sidebar>", "", page.content.decode(), flags=re.DOTALL)
        assert NEW["email"].lower() not in beside

    def test_refuses_a_wrong_code(self, client: Client) -> None:
        sign_up(client)

        client.post("/accounts/confirm-email/", {"code": "ZZZZ-9999"})

        assert client.get("/api/me").status_code == 401

    def test_shows_the_code_in_developer_mode_only(self, client: Client, settings: Any) -> None:
        sign_up(client)
        assert not client.get("/accounts/confirm-email/").context["debug_code"]

        settings.DEBUG = True

        assert client.get("/accounts/confirm-email/").context["debug_code"] == mailed_code()

    def test_sends_a_new_code_and_says_for_how_long_it_can_be_used(self, client: Client) -> None:
        sign_up(client)
        first = mailed_code()
        page = client.get("/accounts/confirm-email/").content.decode()
        assert "Send a new code" in page
        assert "It expires in 15 minutes" in page
        cache.clear()  # mails to one address are some minutes apart

        client.post("/accounts/confirm-email/", {"action": "resend"})

        assert len(mail.outbox) == 2
        assert mailed_code() != first
        client.post("/accounts/confirm-email/", {"code": mailed_code()})
        assert client.get("/api/me").json()["user"]["email"] == "new@example.com"

    def test_goes_on_with_another_address(self, client: Client) -> None:
        sign_up(client)

        client.post("/accounts/confirm-email/", {"action": "change", "email": "right@example.com"})

        assert mail.outbox[-1].to == ["right@example.com"]
        client.post("/accounts/confirm-email/", {"code": mailed_code()})
        assert client.get("/api/me").json()["user"]["email"] == "right@example.com"

    def test_does_not_tell_who_has_an_account(self, client: Client) -> None:
        factories.make_user("new@example.com")

        sign_up(client)

        assert User.objects.count() == 1
        assert "account" in str(mail.outbox[-1].body)

    @pytest.mark.parametrize("field", ["email", "name"])
    @pytest.mark.parametrize("value", ["x" * 10_000, "a\x00b@example.com"])
    def test_refuses_hostile_text(self, field: str, value: str, client: Client) -> None:
        response = client.post("/accounts/signup/", {**NEW, field: value})

        assert response.status_code == 200
        assert not User.objects.exists()


class TestSignIn:
    def test_by_e_mail_in_any_case(self, alice: User, client: Client) -> None:
        response = client.post("/accounts/login/", {"login": "ALICE@example.com", "password": factories.PASSWORD})

        assert response.status_code == 302
        assert client.get("/api/me").json()["user"]["id"] == str(alice.id)

    def test_that_was_refused_goes_on_at_the_password(self, alice: User, client: Client) -> None:
        page = client.post("/accounts/login/", {"login": alice.email, "password": "wrong"}).content.decode()

        assert "Wrong email address or password." in page
        assert re.findall(r'name="(\w+)"[^>]* autofocus', page) == ["password"]

    def test_makes_the_personal_organization_once(self, alice: User, client: Client) -> None:
        for _ in range(2):
            client.post("/accounts/login/", {"login": alice.email, "password": factories.PASSWORD})
            client.post("/accounts/logout/")

        assert alice.organizations.filter(is_personal=True).count() == 1

    @pytest.mark.parametrize(
        "target",
        ["https://evil.example/", "//evil.example", "http://127.0.0.1:9999/", "javascript:alert(1)", "\\\\evil"],
    )
    def test_follows_no_address_elsewhere(self, target: str, alice: User, client: Client) -> None:
        form = {"login": alice.email, "password": factories.PASSWORD, "next": target}

        assert client.post("/accounts/login/", form)["Location"] == "/"

    def test_follows_a_path(self, alice: User, client: Client) -> None:
        form = {"login": alice.email, "password": factories.PASSWORD, "next": "/projects/"}

        assert client.post("/accounts/login/", form)["Location"] == "/projects/"

    def test_stops_guessing(self, alice: User, client: Client) -> None:
        for _ in range(12):
            client.post("/accounts/login/", {"login": alice.email, "password": "wrong"})

        client.post("/accounts/login/", {"login": alice.email, "password": factories.PASSWORD})

        assert client.get("/api/me").status_code == 401


class TestSignOut:
    def test_ends_the_session(self, alice: User, client: Client) -> None:
        client.post("/accounts/login/", {"login": alice.email, "password": factories.PASSWORD})

        client.post("/accounts/logout/")

        assert client.get("/api/me").status_code == 401


class TestPasswordReset:
    def test_by_mailed_code(self, alice: User, client: Client) -> None:
        client.post("/accounts/password/reset/", {"email": alice.email})
        response = client.post("/accounts/password/reset/confirm/", {"code": mailed_code()}, follow=True)
        form = {"password1": "another-long-passphrase", "password2": "another-long-passphrase"}
        client.post(response.redirect_chain[-1][0], form)

        client.post("/accounts/login/", {"login": alice.email, "password": "another-long-passphrase"})

        assert client.get("/api/me").status_code == 200


@pytest.mark.django_db
class TestSignInLimits:
    def refused(self, client: Client, addresses: list[str]) -> list[bool]:
        """Which of some failed sign-ins, each for another account, were not even tried."""
        answers = []
        for number, address in enumerate(addresses):
            form = {"login": f"nobody{number}@example.com", "password": "x"}
            answer = client.post("/accounts/login/", form, headers={"X-Forwarded-For": f"6.6.6.6, {address}"})
            answers.append("Too many failed" in answer.content.decode())
        return answers

    def test_are_of_each_client_behind_a_proxy(self, client: Client, settings: Settings) -> None:
        settings.ALLAUTH_TRUSTED_PROXY_COUNT = 1

        assert self.refused(client, ["1.1.1.1"] * 11) == [False] * 10 + [True]
        assert self.refused(client, ["2.2.2.2"]) == [False]

    def test_cannot_be_evaded_by_a_header_that_no_proxy_sent(self, client: Client) -> None:
        assert self.refused(client, [f"1.1.1.{number}" for number in range(11)])[-1]

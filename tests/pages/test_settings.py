"""The settings without scripts: plain forms that keep what was typed, within the frame, allauth's own pages too."""

from __future__ import annotations

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import (
    TOTP,
    format_hotp_value,
    generate_totp_secret,
    hotp_value,
    yield_hotp_counters_from_time,
)
from django.core.cache import cache
from django.test import Client
from django.utils import timezone

from accounts import services
from accounts.models import Organization, Preferences, Theme, User
from gateway import services as gateway
from tests import factories
from tests.pages.conftest import browser

SECTIONS = ["profile", "appearance", "notifications", "keyboard", "organization", "usage", "model-key", "tokens"]
ACCOUNT = ["email/", "password/change/", "sessions/", "2fa/"]


@pytest.fixture(autouse=True)
def _no_rate_limits_left_over() -> None:
    cache.clear()


def signed_in(user: User) -> Client:
    """With a password, as allauth wants to see it for what is delicate."""
    client = Client()
    client.post("/accounts/login/", {"login": user.email, "password": factories.PASSWORD})
    return client


class TestEverySection:
    @pytest.mark.parametrize("section", SECTIONS)
    def test_is_marked_in_the_navigation(self, section: str, alice: User) -> None:
        page = browser(alice).get(f"/settings/{section}/").content.decode()

        assert page.count('aria-current="page"') == 1
        assert "settings-nav" in page

    @pytest.mark.parametrize("path", ACCOUNT)
    def test_of_the_account_stands_in_the_frame_too(self, path: str, alice: User) -> None:
        page = signed_in(alice).get(f"/accounts/{path}").content.decode()

        assert "settings-nav" in page
        assert "slw-sidebar" in page

    @pytest.mark.parametrize("path", ACCOUNT)
    def test_of_the_account_opens_for_somebody_whose_organisation_is_suspended(self, path: str, alice: User) -> None:
        client = signed_in(alice)
        services.suspend_organizations(ids=alice.organizations.values_list("pk", flat=True), now=timezone.now())

        answer = client.get(f"/accounts/{path}")

        assert answer.status_code == 200
        assert "settings-nav" not in answer.content.decode()

    def test_needs_no_more_requests_for_what_it_shows(self, alice: User, organization: Organization) -> None:
        gateway.set_provider_key(organization_id=organization.pk, key="sk-ant-" + "x" * 30 + "9xyz", now=timezone.now())
        factories.make_token(alice, organization, name="deploy")
        client = browser(alice)

        assert '"cost_usd"' in client.get("/settings/usage/").content.decode()
        assert '"last_four": "9xyz"' in client.get("/settings/model-key/").content.decode()
        assert '"name": "deploy"' in client.get("/settings/tokens/").content.decode()


class TestProfile:
    def test_keeps_a_name(self, alice: User) -> None:
        client = browser(alice)

        page = client.post("/settings/profile/", {"name": " Alice Liddell "}, follow=True).content.decode()

        alice.refresh_from_db()
        assert alice.name == "Alice Liddell"
        assert "Saved" in page
        assert "AL" in page

    def test_refuses_a_name_that_hides_something_and_keeps_what_was_typed(self, alice: User) -> None:
        page = browser(alice).post("/settings/profile/", {"name": "Al\u202eice"}).content.decode()

        assert "control characters" in page
        assert "Al\u202eice" in page
        alice.refresh_from_db()
        assert alice.name == "Alice"

    def test_signs_other_browsers_out(self, alice: User) -> None:
        here, there = signed_in(alice), signed_in(alice)
        assert "Sign out all others" in here.get("/settings/profile/").content.decode()

        here.post("/accounts/sessions/")

        assert there.get("/settings/profile/").status_code == 302
        assert "Sign out all others" not in here.get("/settings/profile/").content.decode()

    def test_turns_the_second_step_on_and_off(self, alice: User) -> None:
        client = signed_in(alice)
        assert b"Confirm that it is you" in client.get("/accounts/2fa/totp/activate/", follow=True).content
        client.post("/accounts/reauthenticate/", {"password": factories.PASSWORD})
        asked = client.get("/accounts/2fa/totp/activate/")
        assert b"data:image/svg+xml" in asked.content
        secret = client.session["mfa.totp.secret"]
        code = format_hotp_value(hotp_value(secret, next(iter(yield_hotp_counters_from_time()))))
        done = client.post("/accounts/2fa/totp/activate/", {"code": code}, follow=True)

        assert Authenticator.objects.filter(user=alice, type=Authenticator.Type.TOTP).exists()
        assert b"Recovery codes" in done.content
        assert "recovery codes are left" in client.get("/settings/profile/").content.decode()
        client.post("/accounts/2fa/totp/deactivate/")
        assert not Authenticator.objects.filter(user=alice).exists()

    def test_asks_for_the_second_step_at_the_next_sign_in(self, alice: User) -> None:
        TOTP.activate(alice, generate_totp_secret())

        answer = Client().post("/accounts/login/", {"login": alice.email, "password": factories.PASSWORD}, follow=True)

        assert b"authenticator app" in answer.content


class TestPreferences:
    def test_are_plain_forms(self, alice: User) -> None:
        client = browser(alice)

        page = client.post(
            "/settings/appearance/", {"theme": "DARK", "language": "en", "wrap_code": "on"}, follow=True
        ).content.decode()

        row = Preferences.objects.get(user=alice)
        assert (row.theme, row.language, row.wrap_code) == (Theme.DARK, "en", True)
        assert "Saved" in page
        assert 'data-theme="dark"' in page

    def test_leave_out_what_is_no_choice_and_say_so(self, alice: User) -> None:
        page = browser(alice).post("/settings/appearance/", {"theme": "PINK", "language": "en"}).content.decode()

        assert 'role="alert"' in page
        assert not Preferences.objects.exists()

    def test_switch_off_what_is_not_ticked(self, alice: User) -> None:
        browser(alice).post("/settings/notifications/", {"notify_failed": "on"})

        row = Preferences.objects.get(user=alice)
        assert (row.notify_waiting, row.notify_ended, row.notify_failed, row.has_sound) == (False, False, True, False)


class TestOrganization:
    def test_is_renamed_by_an_admin(self, ada: User, organization: Organization) -> None:
        browser(ada).post("/settings/organization/", {"name": "Acme Ltd"})

        organization.refresh_from_db()
        assert organization.name == "Acme Ltd"

    def test_is_not_renamed_by_others(self, bob: User, organization: Organization) -> None:
        client = browser(bob)

        assert '<input type="text" name="name"' not in client.get("/settings/organization/").content.decode()
        assert client.post("/settings/organization/", {"name": "Bob's"}).status_code == 403
        organization.refresh_from_db()
        assert organization.name == "acme"

    def test_lists_its_members_to_all_of_them(self, vera: User, ada: User) -> None:
        page = browser(vera).get("/settings/organization/").content.decode()

        assert "Ada" in page
        assert "Admin" in page
        assert "(you)" in page

    def test_keeps_an_empty_name_out(self, alice: User, organization: Organization) -> None:
        page = browser(alice).post("/settings/organization/", {"name": ""}).content.decode()

        assert 'aria-invalid="true"' in page
        organization.refresh_from_db()
        assert organization.name == "acme"

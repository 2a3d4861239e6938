"""How a person likes it: one row, on every device; cookies before there is one."""

from __future__ import annotations

import pytest
from django.test import Client

from accounts import preferences, services
from accounts.models import Organization, Preferences, Theme, User
from tests import factories
from tests.client import ApiClient
from tests.pages.conftest import browser

PATH = "/api/me/preferences"


class TestTheApi:
    def test_gives_what_holds_for_somebody_who_chose_nothing(self, alice: User) -> None:
        answer = browser(alice).get(PATH).json()

        assert answer == preferences.shown(Preferences(user=alice))
        assert not Preferences.objects.exists()

    def test_changes_what_is_given_and_nothing_else(self, alice: User) -> None:
        client = browser(alice)

        client.patch(PATH, {"theme": "DARK"}, content_type="application/json")
        answer = client.patch(PATH, {"language": "ja"}, content_type="application/json").json()

        assert (answer["theme"], answer["language"], answer["notify_waiting"]) == ("DARK", "ja", True)

    @pytest.mark.parametrize("body", [{"theme": "PINK"}, {"language": "xx"}, {"notifications": "MAYBE"}])
    def test_refuses_what_is_no_choice(self, alice: User, body: dict[str, str]) -> None:
        answer = browser(alice).patch(PATH, body, content_type="application/json")

        assert answer.status_code == 400
        assert [detail["field"] for detail in answer.json()["details"]] == [next(iter(body))]

    def test_changes_nobody_elses(self, alice: User, bob: User) -> None:
        browser(alice).patch(PATH, {"theme": "DARK"}, content_type="application/json")

        assert browser(bob).get(PATH).json()["theme"] == "SYSTEM"

    def test_keeps_what_the_cookies_said_when_the_first_choice_is_made(self, alice: User) -> None:
        client = browser(alice)
        client.cookies.load({"theme": "dark", "django_language": "ja"})

        client.patch(PATH, {"wrap_code": True}, content_type="application/json")

        row = Preferences.objects.get(user=alice)
        assert (row.theme, row.language, row.wrap_code) == (Theme.DARK, "ja", True)


class TestPages:
    def test_are_rendered_as_the_person_likes_it_on_another_device(self, alice: User) -> None:
        services.change_preferences(before=Preferences(user=alice), fields={"theme": Theme.DARK, "wrap_code": True})

        page = browser(alice).get("/").content.decode()

        assert 'data-theme="dark"' in page
        assert "data-wrap-code" in page

    def test_bring_the_cookies_in_step(self, alice: User) -> None:
        services.change_preferences(before=Preferences(user=alice), fields={"theme": Theme.DARK, "language": "ja"})

        answer = browser(alice).get("/settings/usage/")

        assert answer["Content-Language"] == "ja"
        client = Client()
        client.force_login(alice)
        cookies = client.get("/settings/usage/").cookies
        assert (cookies["theme"].value, cookies["django_language"].value) == ("dark", "ja")

    def test_take_a_cookie_back_that_no_longer_holds(self, alice: User) -> None:
        services.change_preferences(before=Preferences(user=alice), fields={"theme": Theme.SYSTEM})
        client = browser(alice)
        client.cookies.load({"theme": "dark"})

        answer = client.get("/settings/usage/")

        assert 'data-theme="dark"' not in answer.content.decode()
        assert answer.cookies["theme"].value == ""

    def test_speak_the_browsers_language_again_at_once(self, alice: User) -> None:
        services.change_preferences(before=Preferences(user=alice), fields={"language": ""})
        client = browser(alice)
        client.cookies.load({"django_language": "ja"})

        answer = client.get("/settings/usage/", headers={"Accept-Language": "en"})

        assert answer["Content-Language"] == "en"
        assert answer.cookies["django_language"].value == ""

    def test_follow_the_cookie_before_sign_in_and_before_a_choice(self, alice: User) -> None:
        stranger, signed_in = Client(), browser(alice)
        for client in (stranger, signed_in):
            client.cookies.load({"theme": "dark"})

        assert 'data-theme="dark"' in stranger.get("/accounts/login/").content.decode()
        assert 'data-theme="dark"' in signed_in.get("/settings/usage/").content.decode()

    def test_ignore_a_cookie_that_is_no_theme_and_no_language(self, db: None) -> None:
        stranger = Client()
        stranger.cookies.load({"theme": "pink", "django_language": "xx"})

        assert "data-theme" not in stranger.get("/accounts/login/").content.decode()


class TestATokensAnswer:
    def test_is_the_preferences_of_its_person_which_it_cannot_change(
        self, alice: User, organization: Organization
    ) -> None:
        services.change_preferences(before=Preferences(user=alice), fields={"theme": Theme.DARK})
        client = ApiClient(token=factories.make_token(alice, organization))

        assert client.get("/me/preferences").json()["theme"] == "DARK"
        refused = client.patch("/me/preferences", {"theme": "LIGHT"})
        assert refused.status_code == 403
        assert "browser" in refused.json()["message"]

"""What is shown when something is wrong."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.utils import timezone
from pytest_django.fixtures import Settings

from accounts.models import Organization, User
from pages import views
from sessions.models import AgentSession
from tests.pages.conftest import browser


class TestErrorPages:
    def test_keep_the_sidebar_for_who_is_signed_in(self, alice: User, session: AgentSession) -> None:
        client = browser(alice)
        for path in ("/nowhere/", f"/sessions/{uuid.uuid4()}/", "/?organization=nonsense"):
            answer = client.get(path)
            page = answer.content.decode()

            assert answer.status_code == 404
            assert "Page not found" in page
            assert "fix-login" in page
            assert f'data-copy="{answer["X-Request-ID"]}"' in page

    def test_show_strangers_nothing_of_the_app(self, db: None) -> None:
        page = browser().get("/nowhere/").content.decode()

        assert "Page not found" in page
        assert "slw-sidebar" not in page
        assert "Go to projects" not in page
        assert '<a class="button primary" href="/accounts/login/">Sign in</a>' in page

    def test_tell_of_our_own_errors_without_asking_the_database(
        self, alice: User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        client = browser(alice)
        client.raise_request_exception = False

        def broken(request: HttpRequest, **around: Any) -> HttpResponse:
            raise RuntimeError("secret")

        monkeypatch.setattr(views, "render", broken)
        answer = client.get("/")

        assert answer.status_code == 500
        assert "Something broke on our side" in answer.content.decode()
        assert "secret" not in answer.content.decode()
        assert 'href="/"' in answer.content.decode()

    def test_tell_whose_only_organisation_is_suspended_how_it_is(self, alice: User) -> None:
        client = browser(alice)
        Organization.objects.update(suspended_at=timezone.now())
        for path, status in (("/", 403), ("/nowhere/", 404)):
            answer = client.get(path)
            page = answer.content.decode()

            assert answer.status_code == status
            assert ("This organisation is suspended" in page) == (status == 403)
            assert "slw-sidebar" not in page

    def test_offer_the_form_again_when_it_is_too_old(self, db: None) -> None:
        answer = Client(enforce_csrf_checks=True).post("/accounts/login/", {"login": "a@example.com"})
        page = answer.content.decode()

        assert answer.status_code == 403
        assert "This form has expired" in page
        assert '<a class="button primary" href="/accounts/login/">' in page

    def test_tell_who_tries_too_often_to_wait(self, db: None, settings: Settings) -> None:
        settings.ACCOUNT_RATE_LIMITS = {"login": "1/m/ip"}
        client = browser()
        client.post("/accounts/login/", {"login": "a@example.com", "password": "x"})
        answer = client.post("/accounts/login/", {"login": "a@example.com", "password": "x"})

        assert answer.status_code == 429
        assert "Too many tries" in answer.content.decode()


class TestNowhere:
    def test_looks_the_same_in_developer_mode(self, alice: User, settings: Settings) -> None:
        client = browser(alice)
        settings.DEBUG = True

        assert "Page not found" in client.get("/nowhere", follow=True).content.decode()

    def test_is_a_page_for_people_only(self, db: None) -> None:
        assert b"Page not found" not in browser().get("/api/nowhere/").content
        assert browser().get("/static/nowhere.js").status_code == 404

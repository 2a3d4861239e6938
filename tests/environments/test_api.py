"""The environments API, over HTTP."""

from __future__ import annotations

import pytest
from django.core.cache import cache
from pytest_django.fixtures import Settings

from accounts.models import Organization, User
from environments import configs
from environments.models import Environment, EnvironmentKind
from tests.client import ApiClient

pytestmark = pytest.mark.django_db


@pytest.fixture
def default(organization: Organization) -> Environment:
    cache.clear()
    return Environment.objects.get(organization=organization)


@pytest.fixture
def no_programs(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without bubblewrap."""
    monkeypatch.setenv("PATH", "/nonexistent")


class TestList:
    def test_goes_page_by_page(self, api: type[ApiClient], alice: User, default: Environment) -> None:
        second = Environment.objects.create(organization=default.organization, name="second", kind="HOST")

        first_page = api(alice).get("/environments?limit=1").json()
        last_page = api(alice).get(f"/environments?limit=1&cursor={first_page['next']}").json()

        assert [item["id"] for item in first_page["items"]] == [str(default.pk)]
        assert [item["id"] for item in last_page["items"]] == [str(second.pk)]
        assert last_page["next"] is None


class TestStatus:
    def test_tells_of_a_kind_that_is_coming(
        self, api: type[ApiClient], alice: User, default: Environment, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(configs, "BACKENDS", frozenset({EnvironmentKind.HOST}))
        Environment.objects.update(kind="MODAL")

        answer = api(alice).get(f"/environments/{default.pk}/status").json()

        assert (answer["available"], answer["authenticated"]) == (False, False)
        assert "coming" in answer["error"]

    def test_says_what_is_missing_for_confinement(
        self, api: type[ApiClient], alice: User, default: Environment, settings: Settings, no_programs: None
    ) -> None:
        settings.ALLOW_UNCONFINED = False

        answer = api(alice).get(f"/environments/{default.pk}/status").json()

        assert not answer["available"]
        assert "bubblewrap" in answer["error"]
        assert answer["details"] == {"is_confined": False}

    def test_allows_unconfined_sessions_where_the_operator_does(
        self, api: type[ApiClient], alice: User, default: Environment, settings: Settings, no_programs: None
    ) -> None:
        settings.ALLOW_UNCONFINED = True

        answer = api(alice).get(f"/environments/{default.pk}/status").json()

        assert (answer["available"], answer["error"]) == (True, "")


class TestUpdate:
    def test_changes_what_is_given(self, api: type[ApiClient], alice: User, default: Environment) -> None:
        answer = api(alice).patch(f"/environments/{default.pk}", {"description": "Ours."})

        assert answer.status_code == 200
        assert (answer.json()["description"], answer.json()["name"]) == ("Ours.", default.name)

    def test_does_not_leave_the_organisation_without_a_default(
        self, api: type[ApiClient], alice: User, default: Environment
    ) -> None:
        answer = api(alice).patch(f"/environments/{default.pk}", {"is_default": False})

        assert answer.status_code == 400
        assert answer.json()["details"][0]["field"] == "is_default"

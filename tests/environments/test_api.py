"""The environments API, over HTTP."""

from __future__ import annotations

import uuid

import pytest
from django.core.cache import cache
from django.utils import timezone
from pytest_django.fixtures import Settings

from accounts.models import Organization, User
from environments import configs, services
from environments.models import Environment, EnvironmentKind, Machine
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


class TestLeftBehind:
    def test_is_told_until_somebody_has_seen_to_it(
        self, api: type[ApiClient], alice: User, default: Environment
    ) -> None:
        now, where = timezone.now(), f"/environments/left-behind?organization_id={default.organization_id}"
        machine = services.create_machine(default, subject_id=uuid.uuid4(), home_id=uuid.uuid4())
        services.machine_started(machine_id=machine.pk, handle={"root": "/home/agent/.slipway/ab12"}, now=now)
        assert api(alice).get(where).json() == {"items": []}

        services.home_not_cleared(machine=machine, error="Access was refused.", now=now)
        Machine.objects.filter(pk=machine.pk).update(given_up_at=now)

        (told,) = api(alice).get(where).json()["items"]
        assert (told["environment_id"], told["name"]) == (str(default.pk), default.name)
        assert (told["error"], told["count"]) == ("Access was refused.", 1)
        assert told["folders"] == ["/home/agent/.slipway/ab12"]
        for _ in range(2):
            assert api(alice).delete(f"/environments/{default.pk}/left-behind").status_code == 204
        assert api(alice).get(where).json() == {"items": []}

"""The API of what the caller asked before."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone
from pytest_django.fixtures import DjangoAssertNumQueries

from accounts.models import Membership, Organization, User
from sessions import services
from sessions.models import AgentSession, Prompt
from tests.client import ApiClient
from tests.sessions.rows import make_session

Api = Callable[..., ApiClient]
NOW = timezone.now()


@pytest.fixture
def session(organization: Organization) -> AgentSession:
    return make_session(organization)


def asked(session: AgentSession, user: User, *texts: str) -> None:
    for seconds, text in enumerate(texts):
        services.note_prompt(session=session, user=user, text=text, now=NOW + timedelta(seconds=seconds))


def texts(client: ApiClient, **query: object) -> list[str]:
    return [item["text"] for item in client.get("/prompts", **query).json()["items"]]


class TestList:
    def test_shows_the_newest_first(self, api: Api, bob: User, session: AgentSession) -> None:
        asked(session, bob, "one", "two", "one")

        items = api(bob).get("/prompts", project_id=session.project_id).json()["items"]

        assert [(item["text"], item["used_count"]) for item in items] == [("one", 2), ("two", 1)]
        assert set(items[0]) == {"id", "text", "used_count", "last_used_at", "project_id"}
        assert items[0]["project_id"] == str(session.project_id)

    def test_shows_one_project_or_all(
        self, api: Api, bob: User, session: AgentSession, organization: Organization
    ) -> None:
        other = make_session(organization)
        asked(session, bob, "here")
        asked(other, bob, "there")

        assert texts(api(bob), project_id=session.project_id) == ["here"]
        assert sorted(texts(api(bob))) == ["here", "there"]

    def test_finds_by_any_part(self, api: Api, bob: User, session: AgentSession) -> None:
        asked(session, bob, "Fix the 100% case", "write docs", "nothing_else")

        assert texts(api(bob), q="the 100%") == ["Fix the 100% case"]
        assert texts(api(bob), q="FIX") == ["Fix the 100% case"]
        assert texts(api(bob), q="%") == ["Fix the 100% case"]
        assert texts(api(bob), q="_") == ["nothing_else"]
        assert len(texts(api(bob), limit=2)) == 2

    def test_shows_nobody_elses(self, api: Api, alice: User, bob: User, session: AgentSession) -> None:
        asked(session, bob, "secret")

        assert texts(api(alice)) == []
        assert api(alice).delete(f"/prompts/{Prompt.objects.get().pk}").status_code == 404
        assert Prompt.objects.exists()

    def test_shows_none_of_an_organisation_that_one_has_left(self, api: Api, bob: User, session: AgentSession) -> None:
        asked(session, bob, "secret")
        Membership.objects.filter(user=bob, organization=session.organization).delete()

        assert texts(api(bob)) == []

    def test_shows_none_of_a_deleted_project(self, api: Api, bob: User, session: AgentSession) -> None:
        asked(session, bob, "old")
        session.project.deleted_at = NOW
        session.project.save()

        assert texts(api(bob)) == []

    def test_asks_the_database_as_often_however_many_there_are(
        self, api: Api, bob: User, session: AgentSession, django_assert_max_num_queries: DjangoAssertNumQueries
    ) -> None:
        asked(session, bob, *(f"number {number}" for number in range(30)))
        client = api(bob)

        with django_assert_max_num_queries(6):
            client.get("/prompts", project_id=session.project_id)


class TestRemove:
    def test_forgets_one(self, api: Api, bob: User, session: AgentSession) -> None:
        asked(session, bob, "one", "two")
        one = Prompt.objects.get(text="one")

        assert api(bob).delete(f"/prompts/{one.pk}").status_code == 204
        assert api(bob).delete(f"/prompts/{one.pk}").status_code == 404
        assert api(bob).delete(f"/prompts/{uuid.uuid4()}").status_code == 404
        assert texts(api(bob)) == ["two"]

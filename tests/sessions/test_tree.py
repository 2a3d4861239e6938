"""An organisation's tree, as it is read and as it is told."""

from __future__ import annotations

from datetime import timedelta

from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import Organization, User
from sessions import services, tree
from sessions.models import AgentSession
from tests.client import ApiClient
from tests.sessions.rows import make_permission, make_project, make_session


class TestTree:
    def test_shows_what_is_not_archived_and_who_waits(self, organization: Organization, bob: User) -> None:
        project = make_project(organization, name="shop")
        waiting, plain, gone = (make_session(organization, project=project) for _ in range(3))
        make_permission(waiting)
        services.archive_session(session=gone, now=timezone.now())
        services.mark_session(session=plain, user=bob, is_pinned=True)

        shown = ApiClient(bob).get(f"/orgs/{organization.pk}/tree").json()

        assert [row["name"] for row in shown["projects"]] == ["shop"]
        assert {row["id"]: row["is_waiting"] for row in shown["sessions"]} == {
            str(waiting.pk): True,
            str(plain.pk): False,
        }
        assert [(mark["session_id"], mark["is_pinned"]) for mark in shown["marks"]] == [(str(plain.pk), True)]

    def test_keeps_ones_notes_from_others(self, organization: Organization, alice: User, bob: User) -> None:
        services.mark_session(session=make_session(organization), user=alice, is_pinned=True)

        assert ApiClient(bob).get(f"/orgs/{organization.pk}/tree").json()["marks"] == []

    def test_asks_the_database_as_often_for_many_as_for_few(self, organization: Organization, bob: User) -> None:
        make_session(organization)
        with CaptureQueriesContext(connection) as few:
            tree.whole(organization.pk, bob.pk)
        for _ in range(5):
            services.mark_session(session=make_session(organization), user=bob, is_pinned=True)

        with CaptureQueriesContext(connection) as many:
            tree.whole(organization.pk, bob.pk)

        assert len(many) == len(few) == 3


class TestLists:
    def test_hold_archived_sessions_only_when_asked(self, organization: Organization, bob: User) -> None:
        project = make_project(organization)
        here, away = (make_session(organization, project=project) for _ in range(2))
        client = ApiClient(bob)
        assert client.post(f"/sessions/{away.pk}/archive").status_code == 200

        def listed(**query: str) -> set[str]:
            paths = (f"/projects/{project.pk}/sessions", "/sessions")
            one, other = ({row["id"] for row in client.get(path, **query).json()["items"]} for path in paths)
            assert one == other
            return one

        assert listed() == listed(archived="false") == {str(here.pk)}
        assert listed(archived="true") == {str(away.pk)}
        assert listed(archived="all") == {str(here.pk), str(away.pk)}
        assert client.get("/sessions", archived="maybe").status_code == 400


class TestMarks:
    def test_are_made_by_whoever_may_look(self, organization: Organization, vera: User) -> None:
        session = make_session(organization, last_seq=5)
        other = make_session(organization)
        client = ApiClient(vera)

        mark = client.put(f"/sessions/{session.pk}/mark", {"last_read_seq": 3, "is_pinned": True}).json()
        answer = client.put(f"/orgs/{organization.pk}/session-order", {"session_ids": [str(other.pk), str(session.pk)]})

        assert (mark["last_read_seq"], mark["is_pinned"]) == (3, True)
        assert answer.status_code == 204
        assert client.put(f"/sessions/{session.pk}/mark", {}).json()["position"] == 1

    def test_archiving_a_session_at_work_is_a_conflict(self, organization: Organization, bob: User) -> None:
        session = make_session(organization)
        services.send_message(session=session, author=bob, text="go", now=timezone.now() - timedelta(seconds=1))
        client = ApiClient(bob)

        assert client.post(f"/sessions/{session.pk}/archive").status_code == 409
        assert client.post(f"/sessions/{session.pk}/archive", {"stop": True}).json()["archived_at"]
        assert AgentSession.objects.get(pk=session.pk).archived_at is not None
        assert client.post(f"/sessions/{session.pk}/unarchive").json()["archived_at"] is None

"""The sessions API as a client sees it."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from decimal import Decimal
from typing import Any
from urllib.parse import quote

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import Organization, User
from environments.models import Environment, Machine, MachineStatus
from projects.models import Project
from sessions import log
from sessions.events import Entry
from sessions.models import AgentSession, Checkpoint, JobStatus
from tests.client import ApiClient
from tests.sessions.rows import make_job, make_permission, make_session, make_vault_project

Api = Callable[..., ApiClient]


@pytest.fixture
def session(organization: Organization) -> AgentSession:
    return make_session(organization, cost_usd=Decimal("0.00000100"))


@pytest.fixture
def project(alice: User, organization: Organization) -> Project:
    return make_vault_project(alice, organization)


def note(text: str) -> Entry:
    return Entry("agent.notice", {"level": "info", "text": text, "detail": ""})


class TestCreate:
    def test_answers_with_the_sessions(self, api: Api, bob: User, project: Project) -> None:
        body = {"name": "feature", "count": 2, "prompt": "go"}

        answer = api(bob).post(f"/projects/{project.pk}/sessions", body)

        assert answer.status_code == 201
        items = answer.json()["items"]
        assert [item["name"] for item in items] == ["feature-1", "feature-2"]
        assert items[0]["status"] == "INITIALIZING"
        assert items[0]["active_job"]["status"] == "PENDING"
        assert items[0]["pending_permissions"] == []
        assert Decimal(items[0]["cost_usd"]) == 0

    def test_is_not_found_for_a_foreign_project(self, api: Api, charlie: User, project: Project) -> None:
        answer = api(charlie).post(f"/projects/{project.pk}/sessions", {"name": "x"})

        assert answer.status_code == 404


class TestRead:
    def test_shows_the_whole_session(self, api: Api, bob: User, session: AgentSession) -> None:
        environment = Environment.objects.get(organization=session.organization)
        session.machine = Machine.objects.create(
            organization=session.organization, environment=environment, status=MachineStatus.RUNNING
        )
        session.save()
        running = make_job(session, status=JobStatus.PROCESSING)
        make_job(session)
        permission = make_permission(session)

        shown = api(bob).get(f"/sessions/{session.pk}").json()

        assert shown["container_id"] == str(session.machine.pk)
        assert shown["active_job"]["id"] == str(running.pk)
        assert shown["active_job"]["message_id"] == str(running.message.pk)
        assert [item["id"] for item in shown["pending_permissions"]] == [str(permission.pk)]
        assert shown["is_waiting"] is True
        assert shown["cost_usd"] == "0.00000100"
        assert "epoch" not in shown
        assert "agent_state" not in shown

    def test_is_the_same_404_for_a_stranger_as_for_a_random_id(
        self, api: Api, charlie: User, session: AgentSession
    ) -> None:
        foreign = api(charlie).get(f"/sessions/{session.pk}")
        random = api(charlie).get(f"/sessions/{uuid.uuid4()}")

        assert foreign.status_code == random.status_code == 404
        assert {**foreign.json(), "request_id": ""} == {**random.json(), "request_id": ""}

    def test_does_not_find_a_deleted_session(self, api: Api, bob: User, session: AgentSession) -> None:
        assert api(bob).delete(f"/sessions/{session.pk}").status_code == 204

        assert api(bob).get(f"/sessions/{session.pk}").status_code == 404
        assert api(bob).get("/sessions").json()["items"] == []


class TestSearch:
    @pytest.fixture
    def rows(self, organization: Organization) -> list[AgentSession]:
        return [
            make_session(organization, name="fix the login", title="Mend the sign-in page"),
            make_session(organization, name="dark mode", branch="slipway/login-dark"),
            make_session(organization, name="100% done", archived_at=timezone.now()),
        ]

    @pytest.mark.parametrize(
        ("asked", "found"),
        [
            ("LOGIN", ["dark mode", "fix the login"]),
            ("login sign-in", ["fix the login"]),
            ("  ", ["dark mode", "fix the login"]),
            ("%", []),
            ("nothing", []),
        ],
    )
    def test_finds_all_words_in_name_title_or_branch(
        self, api: Api, bob: User, rows: list[AgentSession], asked: str, found: list[str]
    ) -> None:
        shown = api(bob).get(f"/sessions?q={quote(asked)}").json()["items"]

        assert [one["name"] for one in shown] == found

    def test_finds_archived_ones_when_asked(self, api: Api, bob: User, charlie: User, rows: list[AgentSession]) -> None:
        path = f"/projects/{rows[2].project_id}/sessions?archived=all&q={quote('0%')}"

        assert [one["name"] for one in api(bob).get(path).json()["items"]] == ["100% done"]
        assert api(charlie).get("/sessions?archived=all&q=100").json()["items"] == []


class TestList:
    def test_costs_the_same_number_of_queries_however_many_rows(
        self, api: Api, bob: User, organization: Organization
    ) -> None:
        def count(rows: int) -> int:
            for _ in range(rows):
                session = make_session(organization)
                make_job(session)
                make_permission(session)
            with CaptureQueriesContext(connection) as queries:
                answer = api(bob).get("/sessions")
            assert answer.json()["items"][0]["is_waiting"] is True
            assert "pending_permissions" not in answer.json()["items"][0]
            return len(queries)

        assert count(1) == count(9)

    def test_shows_each_only_their_own(self, api: Api, bob: User, charlie: User, session: AgentSession) -> None:
        assert [item["id"] for item in api(bob).get("/sessions").json()["items"]] == [str(session.pk)]
        assert api(charlie).get("/sessions").json()["items"] == []
        organization_id = str(session.organization_id)
        assert api(charlie).get("/sessions", organization_id=organization_id).status_code == 404
        assert api(charlie).get(f"/projects/{session.project_id}/sessions").status_code == 404

    def test_pages_by_cursor(self, api: Api, bob: User, organization: Organization) -> None:
        made = [str(make_session(organization).pk) for _ in range(5)]

        first = api(bob).get("/sessions", limit=3).json()
        second = api(bob).get("/sessions", limit=3, cursor=first["next"]).json()

        assert [item["id"] for item in first["items"] + second["items"]] == made[::-1]
        assert second["next"] is None

    def test_can_be_narrowed_to_a_status_and_a_project(
        self, api: Api, bob: User, organization: Organization, session: AgentSession
    ) -> None:
        failed = make_session(organization, status="ERROR", project=session.project)
        other = make_session(organization, status="ERROR")

        def found(**query: str) -> set[str]:
            return {item["id"] for item in api(bob).get("/sessions", **query).json()["items"]}

        project_id = str(session.project_id)
        assert found(status="ERROR") == {str(failed.pk), str(other.pk)}
        assert found(project_id=project_id) == {str(session.pk), str(failed.pk)}
        assert found(project_id=project_id, status="ERROR") == {str(failed.pk)}

    @pytest.mark.parametrize(("query", "status"), [({"status": "BUSY"}, 400), ({"project_id": str(uuid.uuid4())}, 404)])
    def test_refuses_what_is_not_there_to_narrow_to(
        self, api: Api, bob: User, query: dict[str, str], status: int
    ) -> None:
        assert api(bob).get("/sessions", **query).status_code == status


class TestMessages:
    def test_answers_201_and_then_200_with_the_same_body(self, api: Api, bob: User, session: AgentSession) -> None:
        body = {"id": str(uuid.uuid4()), "text": "hello"}

        first = api(bob).post(f"/sessions/{session.pk}/messages", body)
        second = api(bob).post(f"/sessions/{session.pk}/input", body)

        assert (first.status_code, second.status_code) == (201, 200)
        assert first.json() == second.json()
        assert first.json()["message"]["author"] == {"id": str(bob.pk), "name": "Bob"}
        assert first.json()["job"]["message_id"] == body["id"]

    @pytest.mark.parametrize(
        ("body", "status"),
        [
            ({"text": ""}, 422),
            ({"text": "  "}, 422),
            ({}, 400),
            ({"text": 5}, 400),
            ({"text": "a", "id": "no-uuid"}, 400),
            (b'{"text": "a\\u0000"}', 400),
            (b'{"text": "\\ud800"}', 400),
            (b'{"text": "\xff"}', 400),
            (b"{", 400),
        ],
    )
    def test_refuses_bad_input_in_the_one_format(
        self, api: Api, bob: User, session: AgentSession, body: Any, status: int
    ) -> None:
        answer = api(bob).post(f"/sessions/{session.pk}/messages", body)

        assert answer.status_code == status
        assert answer.json()["error"] == "validation_error"
        assert set(answer.json()) == {"error", "message", "details", "request_id"}
        assert AgentSession.objects.get().last_seq == 0

    def test_is_forbidden_to_a_viewer(self, api: Api, vera: User, session: AgentSession) -> None:
        assert api(vera).post(f"/sessions/{session.pk}/messages", {"text": "x"}).status_code == 403

    def test_lists_what_sub_agents_did_with_their_message(self, api: Api, bob: User, session: AgentSession) -> None:
        job = make_job(session)
        call = {"call_id": "t1", "parent": None, "name": "Agent"}
        entries = [
            Entry("tool.call", {**call, "input": {"subagent_type": "explorer", "description": "Look around"}}),
            Entry("assistant.text", {"block": "m:0", "parent": "t1", "text": "I see"}),
            Entry("assistant.text", {"block": "m:1", "parent": None, "text": "not of the sub-agent"}),
            Entry(
                "tool.result",
                {
                    "call_id": "t1",
                    "parent": None,
                    "is_error": False,
                    "text": "Seen",
                    "is_truncated": False,
                    "images": [],
                    "patch": None,
                },
            ),
        ]
        log.append(session, entries, job_id=job.pk, now=timezone.now())

        (shown,) = api(bob).get(f"/sessions/{session.pk}/messages").json()["items"]

        assert shown["text"] == "do it"
        (agent,) = shown["sub_agents"]
        assert (agent["type"], agent["description"], agent["text"], agent["result"]) == (
            "explorer",
            "Look around",
            "I see",
            "Seen",
        )


class TestEvents:
    def test_pages_the_log(self, api: Api, bob: User, session: AgentSession) -> None:
        log.append(session, [note(str(n)) for n in range(1, 6)], now=timezone.now())

        page = api(bob).get(f"/sessions/{session.pk}/events", after=1, limit=3).json()
        rest = api(bob).get(f"/sessions/{session.pk}/events", after=4).json()

        assert [event["seq"] for event in page["items"]] == [2, 3, 4]
        assert (page["last_seq"], page["has_more"]) == (5, True)
        assert ([event["seq"] for event in rest["items"]], rest["has_more"]) == ([5], False)
        assert page["items"][0]["payload"]["text"] == "2"

    @pytest.mark.parametrize("after", ["-1", str(2**63), "x", "1.5", "1e3"])
    def test_refuses_numbers_that_are_none(self, api: Api, bob: User, session: AgentSession, after: str) -> None:
        assert api(bob).get(f"/sessions/{session.pk}/events", after=after).status_code == 400
        assert api(bob).get(f"/sessions/{session.pk}/stream", after=after).status_code == 400

    def test_is_empty_beyond_the_end(self, api: Api, bob: User, session: AgentSession) -> None:
        page = api(bob).get(f"/sessions/{session.pk}/events", after=2**63 - 1).json()

        assert page == {"items": [], "carried": [], "last_seq": 0, "has_more": False}


class TestActions:
    def test_approves_once(self, api: Api, alice: User, bob: User, session: AgentSession) -> None:
        body = {"permission_id": str(make_permission(session).pk), "decision": "allow", "always": True}

        first = api(bob).post(f"/sessions/{session.pk}/approve", body)
        second = api(alice).post(f"/sessions/{session.pk}/approve", body)

        assert (first.status_code, first.json()["status"]) == (200, "ALLOWED")
        assert (second.status_code, second.json()["message"]) == (409, "Bob has already allowed this.")

    def test_interrupts_cancels_and_stops(self, api: Api, bob: User, session: AgentSession) -> None:
        make_job(session, status=JobStatus.PROCESSING)

        answers = [api(bob).post(f"/sessions/{session.pk}/{verb}") for verb in ("interrupt", "cancel", "stop")]

        assert [answer.status_code for answer in answers] == [202, 202, 202]
        assert answers[1].json()["active_job"] is None
        assert api(bob).post(f"/sessions/{session.pk}/interrupt").status_code == 409

    def test_changes_the_session(self, api: Api, bob: User, session: AgentSession) -> None:
        answer = api(bob).patch(f"/sessions/{session.pk}", {"name": "new", "model": "opus"})

        assert (answer.json()["name"], answer.json()["model"]) == ("new", "opus")
        assert api(bob).patch(f"/sessions/{session.pk}", {"name": "x" * 10_000}).status_code == 400


class TestDiff:
    def test_is_empty_before_the_first_snapshot(self, api: Api, bob: User, project: Project) -> None:
        created = api(bob).post(f"/projects/{project.pk}/sessions", {"name": "x"}).json()["items"][0]

        diff = api(bob).get(f"/sessions/{created['id']}/diff").json()

        assert diff["base"] == diff["head"] == created["base_commit"]
        assert (diff["files"], diff["additions"], diff["is_truncated"]) == ([], 0, False)


class TestCheckpoints:
    def test_lists_them_in_order(self, api: Api, bob: User, session: AgentSession) -> None:
        for commit in ("b" * 40, "c" * 40):
            Checkpoint.objects.create(
                organization=session.organization, session=session, commit=commit, git_status="DIRTY", files_changed=1
            )

        items = api(bob).get(f"/sessions/{session.pk}/checkpoints").json()["items"]

        assert [item["commit"][0] for item in items] == ["b", "c"]

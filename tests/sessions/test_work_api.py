"""The API of a session's working tree, against real repositories."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import pytest
from pytest_django.fixtures import DjangoAssertNumQueries

from accounts.models import Organization, User
from projects import repository
from projects.models import Project
from projects.vault import Vault
from sessions.models import AgentSession, Checkpoint, JobStatus, Restoration
from tests.client import ApiClient
from tests.sessions.rows import make_job, make_session, make_vault_project

Api = Callable[..., ApiClient]


def commit(project: Project, *paths: str, branch: str) -> str:
    """A commit in the project's vault that has these files and nothing else."""
    files = [repository.text_file(path, f"{path}\n".encode()) for path in paths]
    vault = Vault(project.pk)
    vault.repository.commit_files(files, branch=branch, message="Snapshot")
    return vault.resolve_branch(branch)


@pytest.fixture
def session(alice: User, organization: Organization) -> AgentSession:
    """With a base commit and a newer snapshot."""
    project = make_vault_project(alice, organization)
    base = commit(project, "README.md", "src/app.py", branch="base")
    head = commit(project, "README.md", "src/app.py", "src/new_part.py", branch="head")
    return make_session(organization, project=project, base_commit=base, head_commit=head)


class TestFiles:
    def test_finds_those_of_the_newest_snapshot(self, api: Api, vera: User, session: AgentSession) -> None:
        found = api(vera).get(f"/sessions/{session.pk}/files", q="snp").json()

        assert found == {
            "items": [{"path": "src/new_part.py", "is_folder": False, "is_recent": True}],
            "is_truncated": False,
            "commit": session.head_commit,
        }

    def test_begins_with_what_the_session_changed(self, api: Api, vera: User, session: AgentSession) -> None:
        items = api(vera).get(f"/sessions/{session.pk}/files").json()["items"]

        assert [(item["path"], item["is_folder"]) for item in items] == [
            ("src/new_part.py", False),
            ("src", True),
            ("README.md", False),
        ]

    def test_shows_the_base_before_the_first_snapshot(self, api: Api, vera: User, session: AgentSession) -> None:
        AgentSession.objects.update(head_commit="")

        items = api(vera).get(f"/sessions/{session.pk}/files", q="py").json()["items"]

        assert [(item["path"], item["is_recent"]) for item in items] == [("src/app.py", False)]

    @pytest.mark.parametrize("query", [{"limit": 0}, {"limit": 201}, {"q": "x" * 201}, {"limit": "x"}])
    def test_refuses_what_makes_no_sense(
        self, api: Api, vera: User, session: AgentSession, query: dict[str, object]
    ) -> None:
        assert api(vera).get(f"/sessions/{session.pk}/files", **query).status_code == 400

    def test_asks_the_database_no_more_than_whose_it_is(
        self, api: Api, vera: User, session: AgentSession, django_assert_max_num_queries: DjangoAssertNumQueries
    ) -> None:
        client = api(vera)
        client.get(f"/sessions/{session.pk}/files")

        with django_assert_max_num_queries(5):
            client.get(f"/sessions/{session.pk}/files")


def saved(session: AgentSession, commit: str, **fields: Any) -> Checkpoint:
    values = {"git_status": "CLEAN", "organization_id": session.organization_id, "session": session}
    return Checkpoint.objects.create(commit=commit, **values | fields)


class TestCheckpoints:
    def test_are_named_by_their_turns_message(self, api: Api, vera: User, session: AgentSession) -> None:
        job = make_job(session, "Write the parser" + " x" * 200, status=JobStatus.COMPLETED)
        first = saved(session, session.base_commit, job=job, files_changed=2)
        before = saved(session, session.head_commit)
        Restoration.objects.create(
            organization=session.organization, session=session, checkpoint=first, before=before, status="DONE"
        )

        shown = api(vera).get(f"/sessions/{session.pk}/checkpoints").json()["items"]

        assert [(one["id"], one["is_before_restore"]) for one in shown] == [
            (str(first.pk), False),
            (str(before.pk), True),
        ]
        assert shown[0]["label"].startswith("Write the parser x")
        assert (len(shown[0]["label"]), shown[1]["label"], shown[0]["job_id"]) == (200, "", str(job.pk))

    def test_ask_the_database_as_often_however_many_there_are(
        self, api: Api, vera: User, session: AgentSession, django_assert_max_num_queries: DjangoAssertNumQueries
    ) -> None:
        for _ in range(10):
            saved(session, session.base_commit, job=make_job(session))
        client = api(vera)
        client.get(f"/sessions/{session.pk}/checkpoints")

        with django_assert_max_num_queries(6):
            client.get(f"/sessions/{session.pk}/checkpoints")

    def test_show_what_restoring_one_would_do(self, api: Api, vera: User, session: AgentSession) -> None:
        one = saved(session, session.base_commit)

        diff = api(vera).get(f"/sessions/{session.pk}/checkpoints/{one.pk}/changes").json()

        assert (diff["base"], diff["head"]) == (session.head_commit, session.base_commit)
        assert [(file["path"], file["status"]) for file in diff["files"]] == [("src/new_part.py", "deleted")]


class TestRestore:
    @pytest.fixture
    def idle(self, session: AgentSession) -> AgentSession:
        AgentSession.objects.update(status="COMPLETED")
        return session

    def test_is_asked_for_once(self, api: Api, bob: User, idle: AgentSession) -> None:
        one, key = saved(idle, idle.base_commit), str(uuid.uuid4())
        body = {"id": key, "checkpoint_id": str(one.pk)}

        answers = [api(bob).post(f"/sessions/{idle.pk}/restore", body) for _ in range(2)]

        assert [answer.status_code for answer in answers] == [202, 202]
        assert answers[0].json()["id"] == str(idle.pk)
        made = Restoration.objects.get()
        assert (str(made.pk), made.checkpoint, made.requested_by) == (key, one, bob)

    def test_is_a_conflict_while_the_agent_works(self, api: Api, bob: User, idle: AgentSession) -> None:
        make_job(idle, status=JobStatus.PROCESSING)

        answer = api(bob).post(f"/sessions/{idle.pk}/restore", {"checkpoint_id": str(saved(idle, "c" * 40).pk)})

        assert (answer.status_code, answer.json()["error"]) == (409, "conflict")

    def test_knows_no_checkpoint_of_another_session(
        self, api: Api, bob: User, idle: AgentSession, organization: Organization
    ) -> None:
        other = saved(make_session(organization), "c" * 40)
        client = api(bob)

        assert client.post(f"/sessions/{idle.pk}/restore", {"checkpoint_id": str(other.pk)}).status_code == 404
        assert client.get(f"/sessions/{idle.pk}/checkpoints/{other.pk}/changes").status_code == 404
        assert not Restoration.objects.exists()

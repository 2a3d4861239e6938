"""The API of a session's working tree, against real repositories."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from pytest_django.fixtures import DjangoAssertNumQueries

from accounts.models import Organization, User
from projects import repository
from projects.models import Project
from projects.vault import Vault
from sessions.models import AgentSession
from tests.client import ApiClient
from tests.sessions.rows import make_session, make_vault_project

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

"""The page of a project: plain forms for what new sessions begin with, and for its end."""

from __future__ import annotations

import pytest
from pytest_django.fixtures import Settings

from accounts.models import Organization, User
from environments.models import Environment
from projects.models import Project
from tests.pages.conftest import browser
from tests.sessions.rows import make_vault_project


@pytest.fixture
def project(alice: User, organization: Organization) -> Project:
    return make_vault_project(alice, organization)


def path(project: Project) -> str:
    return f"/projects/{project.pk}/"


class TestItsSettings:
    def test_are_kept_and_said_to_be(self, bob: User, project: Project) -> None:
        environment = Environment.objects.get(organization_id=project.organization_id)
        given = {"name": "shop", "default_branch": "main", "default_model": "opus"}

        page = (
            browser(bob)
            .post(path(project), {**given, "default_environment_id": str(environment.pk)}, follow=True)
            .content.decode()
        )

        project.refresh_from_db()
        assert (project.name, project.default_model) == ("shop", "opus")
        assert project.default_environment == environment
        assert "Saved" in page

    def test_keep_what_was_typed_beside_what_is_wrong_with_it(self, bob: User, project: Project) -> None:
        page = browser(bob).post(path(project), {"name": "", "default_branch": "main"}).content.decode()
        hostile = browser(bob).post(path(project), {"name": "a\u202eb", "default_branch": "main"}).content.decode()

        assert 'aria-invalid="true"' in page
        assert "control characters" in hostile
        project.refresh_from_db()
        assert project.name == "demo"

    @pytest.mark.parametrize("field", ["default_branch", "default_model", "default_environment_id"])
    def test_take_only_what_there_is(self, bob: User, project: Project, field: str) -> None:
        fields = {"name": "demo", "default_branch": "main", field: "none-of-these"}

        page = browser(bob).post(path(project), fields).content.decode()

        assert 'role="alert"' in page

    def test_are_not_for_viewers(self, vera: User, project: Project) -> None:
        client = browser(vera)

        assert 'id="settings"' not in client.get(path(project)).content.decode()
        assert client.post(path(project), {"name": "mine"}).status_code == 403
        assert client.post(f"{path(project)}delete/", {"name": "demo"}).status_code == 403

    def test_are_hidden_from_strangers(self, charlie: User, project: Project) -> None:
        client = browser(charlie)

        assert client.get(path(project)).status_code == 404
        assert client.post(path(project), {"name": "mine"}).status_code == 404
        assert client.post(f"{path(project)}delete/", {"name": "demo"}).status_code == 404
        assert Project.objects.filter(name="demo").exists()


class TestItsEnd:
    def test_needs_its_name(self, bob: User, project: Project) -> None:
        answer = browser(bob).post(f"{path(project)}delete/", {"name": "shoo"})

        assert answer.status_code == 400
        assert 'value="shoo"' in answer.content.decode()
        assert Project.objects.exists()

    def test_leads_back_to_the_others(self, bob: User, project: Project) -> None:
        answer = browser(bob).post(f"{path(project)}delete/", {"name": " demo "})

        assert answer["Location"] == f"/?organization={project.organization_id}&deleted={project.pk}"
        assert not Project.objects.exists()

    def test_can_be_taken_back_without_scripts(
        self, bob: User, vera: User, project: Project, settings: Settings
    ) -> None:
        settings.UNDO_S = 600
        client = browser(bob)
        board = client.get(client.post(f"{path(project)}delete/", {"name": "demo"})["Location"]).content.decode()
        assert f'action="{path(project)}undelete/"' in board

        assert browser(vera).post(f"{path(project)}undelete/").status_code == 403
        assert client.post(f"{path(project)}undelete/")["Location"] == path(project)

        assert Project.objects.get() == project
        assert client.post(f"{path(project)}undelete/").status_code == 404

"""The operator's pages."""

from __future__ import annotations

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import Organization, User
from projects.models import ImportStatus, Project, ProjectImport


@pytest.fixture
def row(organization: Organization) -> ProjectImport:
    project = Project.objects.create(organization=organization, name="cloned", source="URL")
    return ProjectImport.objects.create(organization=organization, project=project, secret=b"sealed-canary")


@pytest.fixture
def operator(db: None, client: Client) -> Client:
    client.force_login(User.objects.create_superuser("root@example.com", "x"))
    return client


class TestImportAdmin:
    def test_cancels_imports_and_passes_over_ended_ones(self, operator: Client, row: ProjectImport) -> None:
        ended = ProjectImport.objects.create(
            organization=row.organization, project=row.project, status="FAILED", finished_at=timezone.now()
        )

        operator.post(
            "/admin/projects/projectimport/",
            {"action": "cancel_imports", "_selected_action": [str(row.pk), str(ended.pk)]},
        )

        row.refresh_from_db()
        assert row.status == ImportStatus.CANCELLED

    def test_never_shows_the_token(self, operator: Client, row: ProjectImport) -> None:
        for path in ("", f"{row.pk}/change/"):
            answer = operator.get(f"/admin/projects/projectimport/{path}")

            assert answer.status_code == 200
            assert b"canary" not in answer.content


class TestProjectAdmin:
    @pytest.mark.parametrize("query", ["", "?q=cloned", "?status=IMPORTING"])
    def test_lists_and_finds(self, operator: Client, row: ProjectImport, query: str) -> None:
        answer = operator.get(f"/admin/projects/project/{query}")

        assert b"cloned" in answer.content

    def test_shows_deleted_ones_too(self, operator: Client, row: ProjectImport) -> None:
        Project.objects.update(deleted_at=timezone.now())

        assert b"cloned" in operator.get("/admin/projects/project/").content
        assert operator.get(f"/admin/projects/project/{row.project_id}/change/").status_code == 200

    def test_deletes_nothing(self, operator: Client, row: ProjectImport) -> None:
        assert operator.post(f"/admin/projects/project/{row.project_id}/delete/", {"post": "yes"}).status_code == 403
        assert Project.objects.filter(pk=row.project_id).exists()

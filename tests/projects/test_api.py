"""The projects API over HTTP."""

from __future__ import annotations

import io
import json
import uuid
import zipfile
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from accounts.models import ApiToken, Membership, Organization, User
from projects import imports
from projects.models import ImportStatus, Project, ProjectImport
from tests import factories
from tests.client import ApiClient
from tests.projects.serving import GitServer

FIELDS = {
    "id",
    "organization_id",
    "name",
    "status",
    "source",
    "source_url",
    "default_branch",
    "default_model",
    "default_environment_id",
    "created_at",
    "import",
}


@pytest.fixture
def client(alice: User, organization: Organization) -> ApiClient:
    return ApiClient(alice)


def _new(client: ApiClient, organization: Organization, **values: Any) -> Any:
    return client.post("/projects", {"organization_id": str(organization.id), "name": "p", "source": "EMPTY"} | values)


class TestProjects:
    def test_live_from_creation_to_deletion(self, client: ApiClient, organization: Organization) -> None:
        made = _new(client, organization)
        path = f"/projects/{made.json()['id']}"

        assert made.status_code == 201
        assert set(made.json()) == FIELDS
        assert made.json()["import"] is None
        assert client.get(path).json() == made.json()
        assert client.patch(path, {"name": "renamed"}).json()["name"] == "renamed"
        branches = client.get(f"{path}/branches").json()["items"]
        assert [(branch["name"], branch["is_default"], branch["subject"]) for branch in branches] == [
            ("main", True, "Start the project")
        ]
        assert client.delete(path).status_code == 204
        assert client.get(path).status_code == 404
        assert client.get("/projects").json() == {"items": [], "next": None}

    def test_list_by_organization_with_a_constant_number_of_queries(
        self, client: ApiClient, organization: Organization, django_assert_max_num_queries: DjangoAssertNumQueries
    ) -> None:
        rows = [Project(organization=organization, name=f"p{n}", source="URL") for n in range(5)]
        Project.objects.bulk_create(rows)
        ProjectImport.objects.bulk_create([ProjectImport(organization=organization, project=row) for row in rows])

        with django_assert_max_num_queries(6):
            first = client.get("/projects", organization_id=organization.id, limit=3).json()
        rest = client.get("/projects", organization_id=organization.id, limit=3, cursor=first["next"]).json()

        assert [item["name"] for item in first["items"] + rest["items"]] == ["p4", "p3", "p2", "p1", "p0"]
        assert first["items"][0]["import"]["status"] == "PENDING"
        assert client.get("/projects", organization_id=uuid.uuid4()).status_code == 404

    @pytest.mark.parametrize("name", ["", "x" * 10_000, "a\0b", "\ud800", 5, None])
    def test_answer_400_to_bad_names_and_make_nothing(
        self, client: ApiClient, organization: Organization, name: object
    ) -> None:
        answer = _new(client, organization, name=name)

        assert answer.status_code == 400
        assert answer.json()["error"] == "validation_error"
        assert not Project.objects.exists()

    @pytest.mark.parametrize(
        "url", ["ext::sh -c date", "https://10.0.0.1/x", "https://x/\n", "--upload-pack=x", "x" * 10_000]
    )
    def test_answer_400_to_bad_urls(self, client: ApiClient, organization: Organization, url: str) -> None:
        answer = _new(client, organization, source="URL", url=url)

        assert answer.status_code == 400
        assert answer.json()["details"][0]["field"] == "url"

    def test_answer_400_to_what_is_no_repository(
        self, client: ApiClient, organization: Organization, server: GitServer
    ) -> None:
        answer = _new(client, organization, source="URL", url=server.url("page"))

        assert answer.status_code == 400
        assert answer.json()["message"].startswith("Not a Git repository")

    def test_answer_409_for_branches_before_the_import(
        self, client: ApiClient, organization: Organization, server: GitServer
    ) -> None:
        made = _new(client, organization, source="URL", url=server.url("repo.git")).json()

        assert client.get(f"/projects/{made['id']}/branches").status_code == 409


class TestUpload:
    def _zip(self, name: str = "a.txt") -> SimpleUploadedFile:
        data = io.BytesIO()
        with zipfile.ZipFile(data, "w") as archive:
            archive.writestr(name, "x")
            archive.writestr("other", "y")
        return SimpleUploadedFile("tool.zip", data.getvalue())

    def test_makes_a_project(self, client: ApiClient, organization: Organization) -> None:
        answer = client.upload("/projects/upload", organization_id=organization.id, name="", file=self._zip())

        assert answer.status_code == 201
        assert (answer.json()["name"], answer.json()["source"], answer.json()["status"]) == ("tool", "UPLOAD", "READY")

    def test_answers_400_to_a_hostile_archive(self, client: ApiClient, organization: Organization) -> None:
        answer = client.upload("/projects/upload", organization_id=organization.id, name="x", file=self._zip("../x"))

        assert answer.status_code == 400
        assert answer.json()["details"][0]["field"] == "file"
        assert not Project.objects.exists()


class TestImport:
    def _start(self, client: ApiClient, organization: Organization, server: GitServer) -> tuple[str, ProjectImport]:
        made = _new(client, organization, source="URL", url=server.url("repo.git"), token="ghp_canary")
        assert made.status_code == 201
        assert "ghp_canary" not in made.content.decode()
        return f"/projects/{made.json()['id']}", ProjectImport.objects.get(project_id=made.json()["id"])

    def test_is_streamed_to_its_end(self, client: ApiClient, organization: Organization, server: GitServer) -> None:
        path, row = self._start(client, organization, server)
        imports.run(row.pk)

        answer = client.get(f"{path}/import/stream")
        frames = b"".join(answer.streaming_content).decode()

        assert answer["Content-Type"] == "text/event-stream"
        name, data = frames.strip().split("\n")
        assert name == "event: progress"
        assert json.loads(data.removeprefix("data: "))["status"] == "COMPLETED"
        assert client.get(path).json()["status"] == "READY"

    def test_streams_each_change_once(self, client: ApiClient, organization: Organization, server: GitServer) -> None:
        path, row = self._start(client, organization, server)
        frames = client.get(f"{path}/import/stream").streaming_content

        first = next(frames)
        imports.cancel(row=row, now=timezone.now())
        rest = list(frames)

        assert b'"status":"PENDING"' in first
        assert [b'"status":"CANCELLED"' in frame for frame in rest] == [True]

    @pytest.mark.parametrize("what", ["revoked", "removed", "suspended"])
    def test_is_streamed_no_longer_to_who_lost_access(
        self, alice: User, organization: Organization, server: GitServer, monkeypatch: pytest.MonkeyPatch, what: str
    ) -> None:
        client = ApiClient(token=factories.make_token(alice, organization))
        path, _ = self._start(client, organization, server)
        monkeypatch.setattr("accounts.stream.RECHECK_S", 0.0)
        frames = client.get(f"{path}/import/stream").streaming_content
        assert b'"status":"PENDING"' in next(frames)

        if what == "revoked":
            ApiToken.objects.update(revoked_at=timezone.now())
        elif what == "removed":
            Membership.objects.filter(user=alice).delete()
        else:
            Organization.objects.update(suspended_at=timezone.now())

        assert list(frames) == []

    def test_is_cancelled_once(self, client: ApiClient, organization: Organization, server: GitServer) -> None:
        path, row = self._start(client, organization, server)

        assert client.post(f"{path}/import/cancel").status_code == 202
        assert client.post(f"{path}/import/cancel").status_code == 409
        row.refresh_from_db()
        assert row.status == ImportStatus.CANCELLED

    def test_has_no_stream_without_an_import(self, client: ApiClient, organization: Organization) -> None:
        made = _new(client, organization).json()

        assert client.get(f"/projects/{made['id']}/import/stream").status_code == 404

"""A request for a project that is repeated makes one project."""

from __future__ import annotations

import io
import uuid
import zipfile
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from accounts.models import Organization, User
from projects.models import Project
from projects.repository import scratch_root, vault_root
from tests.client import ApiClient
from tests.concurrency import at_once


@pytest.fixture
def client(transactional_db: None, alice: User, organization: Organization) -> ApiClient:
    return ApiClient(alice)


def body(organization: Organization, **values: Any) -> dict[str, Any]:
    given = {"id": str(uuid.uuid4()), "organization_id": str(organization.pk), "name": "p", "source": "EMPTY"}
    return given | values


class TestSameIdAgain:
    def test_gives_the_same_project(self, client: ApiClient, organization: Organization) -> None:
        asked = body(organization)

        first, second = (client.post("/projects", asked) for _ in range(2))

        assert (first.status_code, second.status_code) == (201, 201)
        assert first.json() == second.json()
        assert Project.objects.count() == 1

    def test_makes_one_when_all_come_at_once(self, client: ApiClient, organization: Organization) -> None:
        asked = body(organization)

        answers = at_once(*[lambda: client.post("/projects", asked)] * 6)

        assert {answer.status_code for answer in answers} == {201}
        assert len({answer.json()["id"] for answer in answers}) == 1
        assert len(answers) == 6
        assert len([path for path in vault_root().iterdir() if path.suffix == ".git"]) == 1
        assert list(scratch_root().iterdir()) == []

    def test_holds_for_uploads_by_the_header(self, client: ApiClient, organization: Organization) -> None:
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            archive.writestr("README.md", "hello")
        client.headers["Idempotency-Key"] = str(uuid.uuid4())

        made = [
            client.upload(
                "/projects/upload",
                organization_id=str(organization.pk),
                name="up",
                file=SimpleUploadedFile("up.zip", packed.getvalue()),
            )
            for _ in range(2)
        ]

        assert [answer.status_code for answer in made] == [201, 201]
        assert Project.objects.count() == 1

    @pytest.mark.parametrize("change", [{"name": "other"}, {"source": "SAMPLE"}])
    def test_is_refused_for_another_project(
        self, client: ApiClient, organization: Organization, change: dict[str, str]
    ) -> None:
        asked = body(organization)
        client.post("/projects", asked)

        assert client.post("/projects", asked | change).status_code == 409
        assert Project.objects.count() == 1

    def test_does_not_bring_a_deleted_one_back(self, client: ApiClient, organization: Organization) -> None:
        asked = body(organization)
        client.delete(f"/projects/{client.post('/projects', asked).json()['id']}")

        assert client.post("/projects", asked).status_code == 409

    def test_of_a_stranger_tells_nothing(self, client: ApiClient, organization: Organization, charlie: User) -> None:
        asked = body(organization)
        client.post("/projects", asked)
        theirs = charlie.organizations.get()

        answer = ApiClient(charlie).post("/projects", asked | {"organization_id": str(theirs.pk)})

        assert answer.status_code == 409
        assert answer.json()["message"] == "This id belongs to another project; make a new one."

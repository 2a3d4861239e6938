"""The images API: names, Dockerfiles, builds asked for twice, counted and cancelled, and what others may not see."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob
from pytest_django import Settings

from accounts.models import Organization, User
from environments.images import choice
from environments.images.errors import ImageNotAllowed
from environments.images.models import BuildOutput, BuildStatus, Dockerfile, ImageBuild
from environments.images.names import BadImageName
from environments.models import Environment
from tests.client import ApiClient
from tests.engine import Engine
from tests.environments.images.conftest import docker_environment


@pytest.fixture
def client(alice: User) -> ApiClient:
    return ApiClient(alice)


def upload(client: ApiClient, environment: Environment, text: str = "FROM debian\n") -> Any:
    return client.upload(f"/environments/{environment.pk}/dockerfile", text=text)


def ask(client: ApiClient, environment: Environment, **body: object) -> Any:
    return client.post("/docker/image-build", {"environment_id": str(environment.pk), **body})


class TestImages:
    def test_are_ones_own_and_those_for_all(
        self,
        client: ApiClient,
        docker: Engine,
        environment: Environment,
        organization: Organization,
        settings: Settings,
    ) -> None:
        answer = client.get("/docker/images", organization_id=str(organization.pk)).json()
        assert docker.image in [image["name"] for image in answer["items"]]
        assert answer["can_build"] is True

        settings.DOCKER_IMAGES = ["nothing"]
        assert client.get("/docker/images", organization_id=str(organization.pk)).json()["items"] == []

    def test_without_an_engine_are_one_clear_error(
        self, client: ApiClient, organization: Organization, settings: Settings
    ) -> None:
        settings.DOCKER_HOST = "unix:///nowhere"
        answer = client.get("/docker/images", organization_id=str(organization.pk))

        assert (answer.status_code, answer.json()["items"]) == (200, [])
        assert answer.json()["error"].startswith("The Docker engine does not answer")

    @pytest.mark.parametrize("name", ["--privileged", "a b", "x:y\n", "sha256:12", "slipway/environment-x"])
    def test_of_bad_names_make_no_environment(self, client: ApiClient, organization: Organization, name: str) -> None:
        body = {"organization_id": str(organization.pk), "name": "n", "kind": "DOCKER", "config": {"image": name}}
        answer = client.post("/environments", body)

        assert answer.status_code == 400
        assert answer.json()["details"][0]["field"] == "config.image"
        assert not Environment.objects.filter(name="n").exists()

    def test_of_another_tenant_are_not_there(
        self, client: ApiClient, organization: Organization, environment: Environment, foreign: Environment
    ) -> None:
        theirs = f"slipway/environment-{foreign.pk}:latest"
        body = {"organization_id": str(organization.pk), "name": "n", "kind": "DOCKER", "config": {"image": theirs}}
        made_up = {**body, "config": {"image": f"slipway/environment-{uuid.uuid4()}:latest"}}
        told = [client.post("/environments", one).json()["details"] for one in (body, made_up)]
        assert told[0] == told[1]

        for text in (f"FROM {theirs}", f"FROM debian\nCOPY --from=docker.io/{theirs} / /"):
            assert upload(client, environment, text).status_code == 400
        own = f"slipway/environment-{environment.pk}:latest"
        assert client.post("/environments", {**body, "config": {"image": own}}).status_code == 201

    def test_of_another_tenant_are_not_there_for_rows_of_old_either(
        self, environment: Environment, foreign: Environment
    ) -> None:
        """Neither by name nor by id, which earlier versions took for a name."""
        for image in (f"slipway/environment-{foreign.pk}:x", "sha256:" + "0" * 64):
            environment.config["image"] = image
            with pytest.raises((ImageNotAllowed, BadImageName)):
                choice.require_image(environment)


class TestDockerfile:
    def test_is_kept_shown_and_removed(self, client: ApiClient, environment: Environment) -> None:
        path = f"/environments/{environment.pk}/dockerfile"
        assert client.get(path).json() is None
        assert client.upload(path, dockerfile=SimpleUploadedFile("Dockerfile", b"FROM debian\n")).status_code == 200

        assert client.get(path).json()["text"] == "FROM debian\n"
        assert client.get(path).json()["context"] is None
        assert client.delete(path).status_code == 204
        assert client.get(path).json() is None

    def test_is_refused_with_its_lines(self, client: ApiClient, environment: Environment) -> None:
        answer = upload(client, environment, "FROM debian\n\nRUN --network=host ls\n")

        assert answer.status_code == 400
        assert answer.json()["details"][0]["field"] == "dockerfile.3"
        assert not Dockerfile.objects.exists()

    @pytest.mark.parametrize("data", [b"\xff\xfe", b"FROM x\n" + b"#" * 70_000, b""])
    def test_that_is_none_is_refused(self, client: ApiClient, environment: Environment, data: bytes) -> None:
        path = f"/environments/{environment.pk}/dockerfile"
        answer = client.upload(path, dockerfile=SimpleUploadedFile("Dockerfile", data))

        assert answer.status_code == 400

    def test_is_for_docker_only(self, client: ApiClient, organization: Organization) -> None:
        assert upload(client, Environment.objects.get(organization=organization, is_default=True)).status_code == 400

    def test_is_looked_at_without_being_kept(self, client: ApiClient, organization: Organization) -> None:
        body = {"organization_id": str(organization.pk), "text": "FROM debian:12\nRUN --mount=type=ssh x\n"}
        answer = client.post("/docker/dockerfile-check", body).json()

        assert answer["images"] == ["debian:12"]
        assert [problem["line"] for problem in answer["problems"]] == [2]


class TestBuild:
    def test_is_asked_for_once_however_often(self, client: ApiClient, environment: Environment) -> None:
        assert ask(client, environment).json()["message"].startswith("This environment has no Dockerfile")
        upload(client, environment)
        key = str(uuid.uuid4())
        first, again = ask(client, environment, id=key), ask(client, environment, id=key)

        assert (first.status_code, again.status_code) == (202, 202)
        assert first.json()["id"] == again.json()["id"]
        assert ProcrastinateJob.objects.filter(task_name="environments.build_image").count() == 1
        assert ask(client, environment).status_code == 409  # another one, while this waits
        assert client.delete(f"/environments/{environment.pk}/dockerfile").status_code == 409
        listed = client.get(f"/environments/{environment.pk}/builds").json()["items"]
        assert [build["id"] for build in listed] == [first.json()["id"]]

    def test_is_one_of_a_few_at_a_time(
        self, client: ApiClient, organization: Organization, environment: Environment, settings: Settings
    ) -> None:
        settings.BUILDS_PER_ORGANIZATION = 1
        other = docker_environment(organization, "other")
        for one in (environment, other):
            upload(client, one)

        assert ask(client, environment).status_code == 202
        assert (ask(client, other).status_code, ask(client, other).json()["error"]) == (402, "quota_exceeded")

    def test_is_cancelled_before_it_begins(self, client: ApiClient, environment: Environment) -> None:
        upload(client, environment)
        path = f"/docker/image-build/{ask(client, environment).json()['id']}"

        assert client.post(f"{path}/cancel").json()["status"] == "CANCELLED"
        assert client.post(f"{path}/cancel").status_code == 409

    def test_is_refused_where_tenants_share_the_server(
        self, client: ApiClient, environment: Environment, settings: Settings
    ) -> None:
        upload(client, environment)
        settings.TENANCY = "multi"

        for answer in (upload(client, environment), ask(client, environment)):
            assert answer.status_code == 400
            assert "builds no images" in answer.json()["message"]
        assert not ImageBuild.objects.exists()

    def test_is_streamed_from_where_the_reader_was(self, client: ApiClient, environment: Environment) -> None:
        build = ImageBuild.objects.create(
            organization_id=environment.organization_id,
            environment=environment,
            dockerfile="FROM debian",
            status=BuildStatus.COMPLETED,
            finished_at=timezone.now(),
        )
        for seq in range(1, 121):
            BuildOutput.objects.create(organization_id=build.organization_id, build=build, seq=seq, text=f"{seq}\n")
        path = f"/docker/image-build/{build.pk}"

        frames = b"".join(client.get(f"{path}/stream", after=2).streaming_content).decode()
        assert frames.count("event: output") == 118
        assert frames.index("id: 3\n") < frames.index("id: 120\n") < frames.index("event: build")
        assert '"status":"COMPLETED"' in frames
        client.headers["Last-Event-ID"] = "119"
        frames = b"".join(client.get(f"{path}/stream", after=2).streaming_content).decode()
        assert frames.count("event: output") == 1
        assert [one["seq"] for one in client.get(f"{path}/output", after=118).json()["items"]] == [119, 120]

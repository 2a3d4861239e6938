"""The environment that is used where the one that was meant is gone, and the flag that was there before."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from accounts.auth import actor_for
from accounts.models import Organization, User
from environments import configs, services
from environments.errors import KindNotAvailable
from environments.models import Environment, EnvironmentKind
from environments.services import Choice
from tests.client import ApiClient

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 30, tzinfo=UTC)


@pytest.fixture
def default(organization: Organization) -> Environment:
    return Environment.objects.get(organization=organization)


def add(organization: Organization, name: str, *, is_deleted: bool = False) -> Environment:
    return Environment.objects.create(
        organization=organization, name=name, kind="HOST", deleted_at=NOW if is_deleted else None
    )


def choose(
    user: User,
    organization: Organization,
    asked: Environment | None,
    preferred: Environment | None,
    *,
    docker_mode: bool = False,
) -> Choice:
    return services.choose_environment(
        actor=actor_for(user),
        organization_id=organization.id,
        environment_id=asked.pk if asked else None,
        preferred=preferred,
        docker_mode=docker_mode,
    )


class TestADeletedOne:
    def test_gives_way_to_the_projects(self, alice: User, organization: Organization, default: Environment) -> None:
        gone, projects = add(organization, "gone", is_deleted=True), add(organization, "project's")

        choice = choose(alice, organization, gone, projects)

        assert choice.environment == projects
        assert choice.warning == "The environment “gone” was deleted; “project's” is used instead."

    def test_gives_way_to_the_organisations(
        self, alice: User, organization: Organization, default: Environment
    ) -> None:
        gone = add(organization, "gone", is_deleted=True)

        for asked, preferred in ((gone, None), (gone, gone), (None, gone)):
            choice = choose(alice, organization, asked, preferred)

            assert choice.environment == default
            assert "“gone” was deleted" in choice.warning

    def test_is_no_news_where_nothing_is_gone(
        self, alice: User, organization: Organization, default: Environment
    ) -> None:
        assert choose(alice, organization, None, None) == Choice(default)


class TestDockerMode:
    @pytest.fixture
    def with_docker(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(configs, "BACKENDS", frozenset(EnvironmentKind))

    def test_is_the_first_docker_environment(
        self, alice: User, organization: Organization, default: Environment, with_docker: None
    ) -> None:
        ours = Environment.objects.create(organization=organization, name="ours", kind="DOCKER", config={"image": "x"})
        Environment.objects.create(organization=organization, name="other", kind="DOCKER", config={"image": "y"})

        assert choose(alice, organization, None, None, docker_mode=True).environment == ours
        assert choose(alice, organization, default, None, docker_mode=True).environment == default

    def test_makes_one_where_there_is_none(self, alice: User, organization: Organization, with_docker: None) -> None:
        made = [choose(alice, organization, None, None, docker_mode=True).environment for _ in range(2)]

        assert made[0] == made[1]
        assert (made[0].kind, made[0].config["image"]) == ("DOCKER", "slipway-sandbox:latest")

    def test_is_refused_where_there_are_no_such_environments(
        self, alice: User, organization: Organization, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(configs, "BACKENDS", frozenset({EnvironmentKind.HOST}))

        with pytest.raises(KindNotAvailable):
            choose(alice, organization, None, None, docker_mode=True)


class TestTheFlagOverHttp:
    @pytest.mark.parametrize("flag", ["docker_mode", "dockerMode"])
    def test_is_taken_by_sessions_and_projects(
        self,
        api: type[ApiClient],
        alice: User,
        organization: Organization,
        monkeypatch: pytest.MonkeyPatch,
        flag: str,
    ) -> None:
        ours = Environment.objects.create(organization=organization, name="ours", kind="DOCKER", config={"image": "x"})
        body = {"organization_id": str(organization.pk), "name": "p", "source": "SAMPLE"}

        made = api(alice).post("/projects", body | {flag: True}).json()
        plain = api(alice).post("/projects", body).json()
        session = api(alice).post(f"/projects/{plain['id']}/sessions", {flag: True}).json()["items"][0]

        assert (made["default_environment_id"], plain["default_environment_id"]) == (str(ours.pk), None)
        assert session["environment_id"] == str(ours.pk)

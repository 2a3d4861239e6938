"""A Docker environment of acme, one of charlie's, and the tests' own engine."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from django.utils import timezone
from pytest_django import Settings

from accounts.auth import actor_for
from accounts.models import Organization, User
from accounts.tenancy import Actor
from environments.images import services
from environments.images.models import ImageBuild
from environments.models import Environment, EnvironmentKind
from sandbox.docker import images
from tests import engine as test_engine
from tests.engine import Engine
from tests.environments.images.looking import ask, on_engine


def docker_environment(organization: Organization, name: str = "box") -> Environment:
    return Environment.objects.create(
        organization=organization, name=name, kind=EnvironmentKind.DOCKER, config={"image": "debian:12"}
    )


@pytest.fixture(autouse=True)
def data_dir(settings: Settings, tmp_path: Path) -> Path:
    settings.DATA_DIR = tmp_path
    return tmp_path


@pytest.fixture
def environment(organization: Organization) -> Environment:
    return docker_environment(organization)


@pytest.fixture
def foreign(charlie: User) -> Environment:
    """Another tenant's."""
    return docker_environment(charlie.organizations.get())


@pytest.fixture
def alice_actor(alice: User) -> Actor:
    return actor_for(alice)


@pytest.fixture
def docker(settings: Settings, environment: Environment) -> Iterator[Engine]:
    """The engine, which has nothing of this environment left when the test is over."""
    found = test_engine.required()
    settings.DOCKER_HOST = found.url
    yield found
    for image in on_engine(found, environment.pk):
        for name in image.names:
            ask(found, partial(images.remove, reference=name))


def request(actor: Actor, environment: Environment, text: str, **options: object) -> ImageBuild:
    """A build of this Dockerfile, waiting."""
    now = timezone.now()
    services.put_dockerfile(actor=actor, environment_id=environment.pk, text=text, now=now)
    return services.request_build(actor=actor, environment_id=environment.pk, now=now, **options)  # type: ignore[arg-type]


def log_of(build: ImageBuild) -> str:
    return "".join(build.output.order_by("seq").values_list("text", flat=True))

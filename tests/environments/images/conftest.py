"""A Docker environment of acme, one of charlie's, and the tests' own engine."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest
from asgiref.sync import async_to_sync
from django.utils import timezone
from pytest_django import Settings

from accounts.auth import actor_for
from accounts.models import Organization, User
from accounts.tenancy import Actor
from environments.images import services
from environments.images.models import ImageBuild
from environments.models import Environment, EnvironmentKind
from sandbox.docker import images
from sandbox.docker.engine import engine
from sandbox.docker.images import Image
from tests import engine as test_engine
from tests.engine import Engine


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
    for image in on_engine(found, environment):
        ask(found, lambda client, image=image: _removed(client, image))


async def _removed(client: object, image: Image) -> None:
    for name in image.names:
        await images.remove(client, name)  # type: ignore[arg-type]


def ask(docker: Engine, question: Callable[..., Awaitable[object]]) -> object:
    """What the engine answers to one question, from outside of what is tested."""

    async def asked() -> object:
        async with engine(docker.url) as client:
            return await question(client)

    return async_to_sync(asked)()


def on_engine(docker: Engine, environment: Environment) -> list[Image]:
    """The engine's images that builds of the environment have made."""
    found: list[Image] = ask(docker, lambda client: images.list_images(client))  # type: ignore[assignment]
    return [image for image in found if str(environment.pk) in image.labels.values()]


def left_over(docker: Engine, environment: Environment) -> list[object]:
    """Containers and nameless images of the environment's builds."""
    label = f"slipway.building={environment.pk}"
    containers = ask(docker, lambda client: client.containers.list(all=True, filters={"label": [label]}))
    nameless = [image for image in on_engine(docker, environment) if not image.names]
    return [*containers, *nameless]  # type: ignore[misc]


def request(actor: Actor, environment: Environment, text: str, **options: object) -> ImageBuild:
    """A build of this Dockerfile, waiting."""
    now = timezone.now()
    services.put_dockerfile(actor=actor, environment_id=environment.pk, text=text, now=now)
    return services.request_build(actor=actor, environment_id=environment.pk, now=now, **options)  # type: ignore[arg-type]


def log_of(build: ImageBuild) -> str:
    return "".join(build.output.order_by("seq").values_list("text", flat=True))

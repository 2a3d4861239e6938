"""Which image an environment's sandboxes are made of, and which an organisation can choose from."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings

from environments.images import names
from environments.images.errors import ImageNotAllowed, ImageNotBuilt
from environments.images.models import Dockerfile, ImageBuild
from environments.images.names import BadImageName
from environments.images.policy import Allowance
from environments.models import Environment, EnvironmentKind
from sandbox.docker import images
from sandbox.docker.engine import engine
from sandbox.docker.images import Image

LIST_TIMEOUT_S = 10.0


@dataclass(frozen=True)
class Choice:
    """An image that can be chosen; `environment_name` says for which one it was built, where it was."""

    name: str
    id: str
    size_bytes: int
    created_at: datetime
    environment_id: uuid.UUID | None = None
    environment_name: str = ""


def current_builds(environments: Iterable[Environment]) -> dict[uuid.UUID, ImageBuild | None]:
    """By the environment's id, of those with a Dockerfile, the build whose image it uses; None before the first one.

    Two queries for many as for one.
    """
    ids = [environment.pk for environment in environments]
    with_file = Dockerfile.objects.filter(environment_id__in=ids).values_list("environment_id", flat=True)
    current: dict[uuid.UUID, ImageBuild | None] = dict.fromkeys(with_file)
    for build in ImageBuild.objects.kept().filter(environment_id__in=current).order_by("finished_at"):
        current[build.environment_id] = build
    return current


def images_of(environments: Iterable[Environment]) -> dict[uuid.UUID, str]:
    """By the environment's id, what containers are made of: the id of its own image, else the configured name.

    Empty where there is none: no Docker environment, or nothing built yet.
    """
    rows = [environment for environment in environments if environment.kind == EnvironmentKind.DOCKER]
    own = current_builds(rows) if rows else {}
    found = {row.pk: str(row.config.get("image", "")) for row in rows}
    return found | {id: build.image_id if build else "" for id, build in own.items()}


def image_of(environment: Environment) -> str:
    """What a container of this environment is made of; empty where there is no image."""
    return images_of([environment]).get(environment.pk, "")


def require_image(environment: Environment) -> None:
    """Before a container is made.

    Raises: ImageNotBuilt; BadImageName, ImageNotAllowed (another's, or not on the operator's list).
    """
    if environment.kind != EnvironmentKind.DOCKER:
        return
    configured = str(environment.config.get("image", ""))
    own = current_builds([environment])
    if environment.pk in own or not configured:
        if own.get(environment.pk) is None:
            raise ImageNotBuilt
    elif not Allowance.of(environment.organization_id).covers(names.parse(configured)):
        raise ImageNotAllowed


async def on_engine() -> list[Image]:
    """Raises: BackendUnavailable, SandboxError."""
    async with engine(settings.DOCKER_HOST or None, timeout_s=LIST_TIMEOUT_S) as client:
        return await images.list_images(client)


def choices(found: Iterable[Image], organization_id: uuid.UUID) -> list[Choice]:
    """Of the engine's images those that the organisation may use, its own first, then by name."""
    allowance = Allowance.of(organization_id)
    shown = dict(Environment.objects.filter(organization_id=organization_id).values_list("pk", "name"))
    chosen = []
    for image in found:
        for text in image.names:
            try:
                name = names.parse(text)
            except BadImageName:
                continue
            if allowance.covers(name):
                mine = name.environment_id
                of = shown.get(mine, "") if mine else ""
                chosen.append(Choice(text, image.id, image.size_bytes, image.created_at, mine, of))
    return sorted(chosen, key=lambda one: (one.environment_id is None, one.environment_name, one.name))

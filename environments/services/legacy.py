"""`docker_mode`, the flag that was there before environments."""

from __future__ import annotations

import uuid

import structlog
from django.db import IntegrityError, transaction
from django.utils.translation import gettext_noop

from environments import configs
from environments.models import Environment, EnvironmentKind
from environments.services.rows import save_new

logger = structlog.get_logger(__name__)

IMAGE = "slipway-sandbox:latest"  # what deploy/sandbox builds
NAME = gettext_noop("Docker")


def docker_environment(organization_id: uuid.UUID) -> Environment:
    """The organisation's first Docker environment; one of the server's own image is made if there is none.

    Raises: KindNotAvailable (this server has no Docker environments).
    """
    logger.warning("deprecated_docker_mode", organization_id=str(organization_id), instead="environment_id")
    return _first(organization_id) or _made(organization_id)


def _first(organization_id: uuid.UUID) -> Environment | None:
    rows = Environment.objects.filter(organization_id=organization_id, kind=EnvironmentKind.DOCKER)
    return rows.order_by("pk").first()


def _made(organization_id: uuid.UUID) -> Environment:
    configs.require_available(EnvironmentKind.DOCKER)
    config = configs.parse(EnvironmentKind.DOCKER, {"image": IMAGE}).model_dump()
    taken = set(Environment.objects.filter(organization_id=organization_id).values_list("name", flat=True))
    name = next(name for number in range(1, 1000) if (name := NAME if number == 1 else f"{NAME} {number}") not in taken)
    new = Environment(organization_id=organization_id, name=name, kind=EnvironmentKind.DOCKER, config=config)
    try:
        with transaction.atomic():
            return save_new(new)
    except IntegrityError:  # another request was first
        if (found := _first(organization_id)) is not None:
            return found
        raise

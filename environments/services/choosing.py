"""In which environment a session runs."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

import structlog

from accounts.errors import Conflict
from accounts.tenancy import Actor, fetch
from environments import configs
from environments.models import Environment
from environments.services.legacy import docker_environment

logger = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Choice:
    """An environment, and what people should know about why it is this one."""

    environment: Environment
    warning: str = ""


def choose_environment(
    *,
    actor: Actor,
    organization_id: uuid.UUID,
    environment_id: uuid.UUID | None,
    preferred: Environment | None,
    docker_mode: bool = False,
) -> Choice:
    """The environment of a new session: the one asked for, else the project's, else the organisation's default.

    `docker_mode` is what was there before environments: it stands for the organisation's Docker environment.
    Raises: NotFound (a foreign or unknown id); KindNotAvailable; Conflict (the organisation has none).
    """
    asked = None
    if environment_id is not None:
        asked = fetch(Environment.with_deleted.filter(organization_id=organization_id), actor, environment_id)
    elif docker_mode:
        asked = docker_environment(organization_id)
    choice = environment_for(asked or preferred, None if asked is None else preferred, organization_id)
    configs.require_available(choice.environment.kind, choice.environment.config)
    return choice


def environment_for(
    environment: Environment | None, preferred: Environment | None, organization_id: uuid.UUID
) -> Choice:
    """The environment itself if it is there, else the project's, else the organisation's default, with a warning.

    Raises: Conflict (the organisation has none).
    """
    for one in (environment, preferred):
        if one is not None and one.deleted_at is None:
            return Choice(one, "" if one is environment else _told(environment, one))
    default = Environment.objects.filter(organization_id=organization_id, is_default=True).first()
    if default is None:
        raise Conflict("This organisation has no environment to run sessions in; add one first.")
    return Choice(default, _told(environment or preferred, default))


def _told(gone: Environment | None, taken: Environment) -> str:
    if gone is None:
        return ""
    logger.warning("environment_deleted_fallback", environment_id=str(gone.pk), taken=str(taken.pk))
    return f"The environment “{gone.name}” was deleted; “{taken.name}” is used instead."

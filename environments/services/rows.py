"""Environments made and changed."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import structlog
from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext_noop

from accounts.errors import Conflict, Invalid
from accounts.models import Organization
from accounts.tenancy import Actor, Role
from environments import configs, credentials, health
from environments import secrets as sealed
from environments.errors import EnvironmentIdTaken, EnvironmentInUse
from environments.images import policy
from environments.models import Environment, EnvironmentKind, Machine
from environments.services.locking import free_name, locked
from environments.services.machines import LIVE
from environments.signals import environment_changed

logger = structlog.get_logger(__name__)

FIRST = {
    EnvironmentKind.HOST: (gettext_noop("This machine"), "A sandbox on the machine that runs Slipway."),
    EnvironmentKind.MODAL: (gettext_noop("Modal"), "A sandbox at Modal."),
}


def create_default_environment(organization: Organization) -> Environment:
    """The environment that each organisation starts with: of the kind that the deployment wants, if it can be used."""
    kind = EnvironmentKind(settings.DEFAULT_ENVIRONMENT)
    if kind == EnvironmentKind.MODAL and not (settings.MODAL_TOKEN_ID and settings.MODAL_TOKEN_SECRET):
        logger.warning("default_environment_falls_back", wanted=kind, reason="SLIPWAY_MODAL_TOKEN_ID is not set")
        kind = EnvironmentKind.HOST
    name, description = FIRST[kind]
    config = configs.parse(kind, {}).model_dump() if kind != EnvironmentKind.HOST else {}
    new = Environment(
        organization=organization, name=name, kind=kind, description=description, config=config, is_default=True
    )
    return save_new(new)


def create_environment(
    *,
    actor: Actor,
    organization_id: uuid.UUID,
    name: str,
    kind: str,
    description: str = "",
    config: dict[str, Any],
    secrets: Mapping[str, str | None] | None = None,
    key: uuid.UUID | None = None,
    now: datetime,
) -> Environment:
    """Add an environment; with a `key` that is known the one made then is given back.

    Raises: NotFound, Forbidden (below ADMIN); Invalid (config, secrets); KindNotAvailable; Conflict (the name is
        taken); EnvironmentIdTaken.
    """
    actor.require(organization_id, Role.ADMIN)
    typed = configs.parse(kind, config)
    configs.require_available(kind, typed.model_dump())
    policy.require_image(typed, organization_id)
    new = Environment(
        organization_id=organization_id,
        name=clean_name(name),
        kind=kind,
        description=description.strip(),
        config=typed.model_dump(),
        request_key=key,
    )
    if known := _same(new):
        return known
    try:
        with free_name():
            save_new(new)
            _keep_secrets(new, secrets or {}, now)
            return new
    except Conflict:
        if known := _same(new):
            return known
        raise


def save_new(new: Environment) -> Environment:
    """The row first: a folder without one would be nobody's."""
    new.auth_dir = credentials.relative(new.pk)
    new.save(force_insert=True)
    transaction.on_commit(lambda: credentials.make(new.pk), robust=True)  # Django cannot log a failing partial
    return new


def _same(asked: Environment) -> Environment | None:
    """What the same request made before. Raises: EnvironmentIdTaken (it was another request, or it is deleted)."""
    if asked.request_key is None:
        return None
    ours = Environment.with_deleted.filter(organization_id=asked.organization_id, request_key=asked.request_key)
    made = ours.first()
    if made is not None and (made.deleted_at is not None or _contents(made) != _contents(asked)):
        raise EnvironmentIdTaken
    return made


def _contents(environment: Environment) -> tuple[object, ...]:
    return environment.name, environment.kind, environment.description, environment.config


@transaction.atomic
def update_environment(
    *,
    actor: Actor,
    id: uuid.UUID,
    name: str | None = None,
    description: str | None = None,
    is_default: bool | None = None,
    config: dict[str, Any] | None = None,
    secrets: Mapping[str, str | None] | None = None,
    now: datetime,
) -> Environment:
    """Rename, describe, configure, or make an environment the organisation's default; what is None stays.

    A new configuration holds for sandboxes that are made from now on; what is kept warm is made anew. Of `secrets` a
    text is kept in place of an earlier one, None forgets it; when the address changes, a password is forgotten, too.
    Raises: NotFound, Forbidden; Invalid (also for taking the default away); KindNotAvailable; Conflict (the name is
        taken); EnvironmentInUse (sandboxes run where the environment would not be any more).
    """
    environment = locked(actor, id)
    if name is not None:
        environment.name = clean_name(name)
    if description is not None:
        environment.description = description.strip()
    if config is not None:
        _configure(environment, config)
    if is_default is False and environment.is_default:
        raise Invalid.field("is_default", "Make another environment the default instead.")
    if is_default and not environment.is_default:
        configs.require_available(environment.kind, environment.config)
        Environment.objects.filter(organization_id=environment.organization_id).update(is_default=False)
        environment.is_default = True
    with free_name():
        environment.save(update_fields=["name", "description", "is_default", "config"])
    _keep_secrets(environment, secrets or {}, now)
    if config is not None or secrets:
        environment_changed.send(sender=Environment, environment_id=environment.pk)
    return environment


def _configure(environment: Environment, config: dict[str, Any]) -> None:
    """Running sandboxes are found by some fields: those stay while there are any."""
    new = configs.parse(environment.kind, config)
    policy.require_image(new, environment.organization_id)
    values = new.model_dump()
    configs.require_available(environment.kind, values)
    moved = sorted(name for name in new.place if values[name] != environment.config.get(name))
    living = Machine.objects.filter(environment=environment, status__in=LIVE)
    if moved and living.exists():
        message = "Sessions run there. Stop them first, or add another environment."
        if not living.exclude(subject_id=None).exists():
            message = "Sandboxes are kept warm there. Keep none first, and change this a minute later."
        details = [{"field": f"config.{name}", "message": message} for name in moved]
        raise EnvironmentInUse(message, details=details)
    before, environment.config = environment.config, values
    sealed.forget_after_move(environment, before=before)


def _keep_secrets(environment: Environment, given: Mapping[str, str | None], now: datetime) -> None:
    for name, value in given.items():
        if value is None:
            sealed.remove_secret(environment=environment, name=name)
        else:
            sealed.set_secret(environment=environment, name=name, value=value, now=now)
    if given:
        health.forget(environment)


def clean_name(name: str) -> str:
    """Raises: Invalid."""
    stripped = name.strip()
    if not 1 <= len(stripped) <= 100 or not stripped.isprintable():
        raise Invalid.field("name", "A name has 1 to 100 printable characters.")
    return stripped

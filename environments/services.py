"""Writes on environments and machines."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction
from django.utils.translation import gettext_noop

from accounts.errors import Conflict, Invalid, NotFound
from accounts.models import Organization
from accounts.tenancy import Actor, Role, fetch
from environments import configs
from environments.errors import EnvironmentIdTaken, EnvironmentInUse
from environments.models import Environment, EnvironmentKind, Machine, MachineStatus

LIVE = (MachineStatus.CREATING, MachineStatus.RUNNING)


def create_default_environment(organization: Organization) -> Environment:
    """The HOST environment that each organisation starts with."""
    return Environment.objects.create(
        organization=organization,
        name=gettext_noop("This machine"),
        kind=EnvironmentKind.HOST,
        description="A sandbox on the machine that runs Slipway.",
        is_default=True,
    )


def create_environment(
    *,
    actor: Actor,
    organization_id: uuid.UUID,
    name: str,
    kind: str,
    description: str = "",
    config: dict[str, Any],
    key: uuid.UUID | None = None,
) -> Environment:
    """Add an environment; with a `key` that is known the one made then is given back.

    Raises: NotFound, Forbidden (below ADMIN); Invalid (config); KindNotAvailable; Conflict (the name is taken);
        EnvironmentIdTaken.
    """
    actor.require(organization_id, Role.ADMIN)
    typed = configs.parse(kind, config)
    configs.require_available(kind)
    new = Environment(
        organization_id=organization_id,
        name=_name(name),
        kind=kind,
        description=description,
        config=typed.model_dump(),
        request_key=key,
    )
    if known := _same(new):
        return known
    try:
        with _free_name():
            new.save(force_insert=True)
    except Conflict:
        if known := _same(new):
            return known
        raise
    return new


def _same(asked: Environment) -> Environment | None:
    """What the same request made before. Raises: EnvironmentIdTaken (it was another request)."""
    ours = Environment.objects.filter(organization_id=asked.organization_id, request_key=asked.request_key)
    made = ours.first() if asked.request_key else None
    if made is not None and _contents(made) != _contents(asked):
        raise EnvironmentIdTaken
    return made


def _contents(environment: Environment) -> tuple[object, ...]:
    return environment.name, environment.kind, environment.description, environment.config


@transaction.atomic
def update_environment(
    *, actor: Actor, id: uuid.UUID, name: str | None, description: str | None, is_default: bool | None
) -> Environment:
    """Rename, describe, or make an environment the organisation's default.

    Raises: NotFound, Forbidden; Invalid (also for taking the default away); Conflict (the name is taken).
    """
    environment = _locked(actor, id)
    if name is not None:
        environment.name = _name(name)
    if description is not None:
        environment.description = description
    if is_default is False and environment.is_default:
        raise Invalid.field("is_default", "Make another environment the default instead.")
    if is_default and not environment.is_default:
        Environment.objects.filter(organization_id=environment.organization_id).update(is_default=False)
        environment.is_default = True
    with _free_name():
        environment.save(update_fields=["name", "description", "is_default"])
    return environment


@transaction.atomic
def delete_environment(*, actor: Actor, id: uuid.UUID) -> None:
    """Remove an environment that nothing uses.

    Raises: NotFound, Forbidden; Invalid (it is the default one); EnvironmentInUse.
    """
    environment = _locked(actor, id)
    if environment.is_default:
        raise Invalid("The default environment cannot be deleted; make another one the default first.")
    if Machine.objects.filter(environment=environment, status__in=LIVE).exists():
        raise EnvironmentInUse
    Machine.objects.filter(environment=environment).delete()
    environment.delete()


def choose_environment(
    *, actor: Actor, organization_id: uuid.UUID, environment_id: uuid.UUID | None, preferred: Environment | None
) -> Environment:
    """The environment a session runs in: the one asked for, else the project's, else the organisation's default.

    Raises: NotFound (a foreign or unknown id); KindNotAvailable; Conflict (the organisation has none).
    """
    if environment_id is not None:
        asked = fetch(Environment.objects.filter(organization_id=organization_id), actor, environment_id)
        return _available(asked)
    if preferred is not None:
        return _available(preferred)
    default = Environment.objects.filter(organization_id=organization_id, is_default=True).first()
    if default is None:
        raise Conflict("This organisation has no environment to run sessions in; add one first.")
    return _available(default)


def create_machine(
    environment: Environment,
    *,
    subject_id: uuid.UUID | None = None,
    home_id: uuid.UUID | None = None,
    epoch: int = 0,
) -> Machine:
    """A row for a sandbox that is about to be made, so that a crash leaves a trace to reconcile.

    Raises: KindNotAvailable (the deployment no longer allows such machines).
    """
    configs.require_available(environment.kind)
    return Machine.objects.create(
        organization_id=environment.organization_id,
        environment=environment,
        subject_id=subject_id,
        home_id=home_id,
        epoch=epoch,
    )


def machine_started(*, machine_id: uuid.UUID, handle: dict[str, Any], now: datetime) -> None:
    Machine.objects.filter(pk=machine_id, status=MachineStatus.CREATING).update(
        status=MachineStatus.RUNNING, handle=handle, started_at=now
    )


def machine_ended(*, machine_id: uuid.UUID, status: MachineStatus, reason: str, now: datetime) -> bool:
    """Record how a machine ended; False when that was known before."""
    live = Machine.objects.filter(pk=machine_id, status__in=LIVE)
    return bool(live.update(status=status, reason=reason[:500], stopped_at=now))


def home_cleared(*, machine: Machine, now: datetime) -> None:
    """The machine's home is no more; nor is that of the others which used it."""
    same = Machine.objects.filter(environment_id=machine.environment_id, home_id=machine.home_id, cleared_at=None)
    same.filter(subject_id=machine.subject_id).update(cleared_at=now)


def _available(environment: Environment) -> Environment:
    configs.require_available(environment.kind)
    return environment


def _locked(actor: Actor, id: uuid.UUID) -> Environment:
    """The row as it is now, locked: no machine is made in it; and its organisation, so that one default stays.

    Raises: NotFound, Forbidden (below ADMIN).
    """
    environment = fetch(Environment, actor, id, Role.ADMIN)
    Organization.objects.select_for_update(no_key=True).get(pk=environment.organization_id)
    fresh = Environment.objects.select_for_update().filter(pk=id).first()
    if fresh is None:
        raise NotFound
    return fresh


@contextlib.contextmanager
def _free_name() -> Iterator[None]:
    """Raises: Conflict (another environment has the name)."""
    try:
        with transaction.atomic():
            yield
    except IntegrityError as error:
        raise Conflict(
            "An environment of this name exists.", details=[{"field": "name", "message": "Taken."}]
        ) from error


def _name(name: str) -> str:
    stripped = name.strip()
    if not 1 <= len(stripped) <= 100 or not stripped.isprintable():
        raise Invalid.field("name", "A name has 1 to 100 printable characters.")
    return stripped

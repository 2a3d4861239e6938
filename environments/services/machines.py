"""Machines: a row before there is a sandbox, and what became of it."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from environments import configs
from environments.images import choice
from environments.models import Environment, Machine, MachineStatus

LIVE = (MachineStatus.CREATING, MachineStatus.RUNNING)


def create_machine(
    environment: Environment,
    *,
    subject_id: uuid.UUID | None = None,
    home_id: uuid.UUID | None = None,
    epoch: int = 0,
) -> Machine:
    """A row for a sandbox that is about to be made, so that a crash leaves a trace to reconcile.

    Raises: KindNotAvailable (the deployment no longer allows such machines); ImageNotBuilt, ImageNotAllowed.
    """
    configs.require_available(environment.kind, environment.config)
    choice.require_image(environment)
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

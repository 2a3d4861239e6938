"""Machines: a row before there is a sandbox, and what became of it."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

import structlog
from django.db.models import QuerySet

from environments import configs
from environments.images import choice
from environments.models import Environment, Machine, MachineStatus

logger = structlog.get_logger(__name__)

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
    _of_same_home(machine).update(cleared_at=now, clear_error="")


def home_not_cleared(*, machine: Machine, error: str, now: datetime) -> None:
    """It is tried again later, until it is given up."""
    _of_same_home(machine).update(clear_tried_at=now, clear_error=error[:500])


def give_up_homes(*, machines: QuerySet[Machine], now: datetime) -> int:
    """Leave to people what could not be removed for long: the organisation's administrators are told; how many."""
    given_up = machines.filter(cleared_at=None, given_up_at=None).update(given_up_at=now)
    if given_up:
        logger.error("homes_given_up", machines=given_up)
    return given_up


def _of_same_home(machine: Machine) -> QuerySet[Machine]:
    same = Machine.objects.filter(environment_id=machine.environment_id, home_id=machine.home_id, cleared_at=None)
    return same.filter(subject_id=machine.subject_id)

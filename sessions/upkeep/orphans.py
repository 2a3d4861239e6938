"""Sandboxes that run although no living machine speaks of them: each place in use is asked, and they are ended.

A place that cannot be asked is asked again a minute later; the others do not wait for it.
"""

from __future__ import annotations

import asyncio
import uuid
from datetime import datetime, timedelta

import structlog
from channels.db import database_sync_to_async as in_db
from django.db.models import Exists, OuterRef, Q, QuerySet

from accounts.errors import DomainError
from environments import services as environments
from environments import specs
from environments.models import Environment, Machine, MachineStatus
from sandbox import AnySpec, Sandbox, running_sandboxes
from sandbox.errors import SandboxError
from sessions.models import AgentSession
from sessions.upkeep.unattended import without_tasks

logger = structlog.get_logger(__name__)

ANSWER_S = 20.0
IN_USE = timedelta(days=30)  # a place where none of ours was made for so long is not asked
JUST_ENDED = timedelta(seconds=20)  # who has written it may still be ending the sandbox itself
MADE_WITHIN = timedelta(seconds=30)  # a machine that is being made for longer, with nobody at it, is not being made


async def end_orphans(*, now: datetime) -> int:
    """End what no living machine speaks of, and take over what was being made when its maker died; how many."""
    places = await in_db(_places)(now)
    return sum(await asyncio.gather(*(_settle(spec, now) for spec in places)))


async def _settle(spec: AnySpec, now: datetime) -> int:
    """One place; whatever is wrong with it is its own affair."""
    try:
        async with asyncio.timeout(ANSWER_S):
            running = await running_sandboxes(spec)
    except (SandboxError, TimeoutError, OSError) as error:
        logger.warning("place_not_asked", place=spec.place, error=str(error) or type(error).__name__)
        return 0
    settled = 0
    for machine_id, sandbox in running.items():
        try:
            settled += await _settle_one(machine_id, sandbox, now)
        except (SandboxError, TimeoutError, OSError) as error:
            logger.warning("orphan_not_ended", machine_id=machine_id, error=str(error) or type(error).__name__)
    return settled


async def _settle_one(machine_id: str, sandbox: Sandbox, now: datetime) -> bool:
    if await in_db(_is_unfinished)(machine_id, now):
        handle = sandbox.handle
        await in_db(environments.machine_started)(machine_id=uuid.UUID(machine_id), handle=handle, now=now)
        logger.warning("sandbox_adopted", machine_id=machine_id)
        return True
    if not await in_db(_is_orphan)(machine_id, now):
        return False
    async with asyncio.timeout(ANSWER_S):
        await sandbox.stop()
    logger.warning("orphan_sandbox_ended", machine_id=machine_id)
    return True


def _places(now: datetime) -> list[AnySpec]:
    """Every place where a machine of ours lives, or lived lately; once, however many environments name it."""
    lately = Q(created_at__gt=now - IN_USE) | Q(status__in=environments.LIVE)
    used = Environment.with_deleted.filter(Exists(Machine.objects.filter(lately, environment=OuterRef("pk"))))
    rows = list(used)
    facts, found = specs.facts_of(rows), {}
    for environment in rows:
        try:
            spec = specs.place_spec(environment, facts[environment.pk])
        except (SandboxError, DomainError, ValueError) as error:
            logger.warning("place_not_named", environment_id=str(environment.pk), error=str(error))
        else:
            found[spec.place] = spec
    return list(found.values())


def _is_unfinished(machine_id: str, now: datetime) -> bool:
    """Whether its maker died before it could say that it runs: no task is at the session that it was made for."""
    rows = _rows(machine_id).filter(status=MachineStatus.CREATING, created_at__lt=now - MADE_WITHIN)
    made_for = AgentSession.with_deleted.filter(machine__in=rows)
    return without_tasks(made_for).exists()


def _is_orphan(machine_id: str, now: datetime) -> bool:
    rows = _rows(machine_id)
    return not rows.filter(Q(status__in=environments.LIVE) | Q(stopped_at__gt=now - JUST_ENDED)).exists()


def _rows(machine_id: str) -> QuerySet[Machine]:
    try:
        return Machine.objects.filter(pk=uuid.UUID(machine_id))
    except ValueError:
        return Machine.objects.none()

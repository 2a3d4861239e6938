"""Sandboxes that run although no living machine speaks of them: each place in use is asked, and they are ended.

A place that cannot be asked is asked again a minute later; the others do not wait for it.
"""

from __future__ import annotations

import asyncio
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from channels.db import database_sync_to_async as in_db
from django.db.models import Exists, OuterRef, Q

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


@dataclass(frozen=True)
class Known:
    """What the rows say of machines, by their ids."""

    unfinished: set[str]  # whose maker died before it could say that they run, and at which no task is
    living: set[str]  # or ended just now


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
    known = await in_db(_sorted)(set(running), now)
    settled = 0
    for machine_id, sandbox in running.items():
        try:
            if machine_id in known.unfinished:
                settled += await _adopt(machine_id, sandbox, now)
            elif machine_id not in known.living:
                settled += await _end(machine_id, sandbox)
        except (SandboxError, TimeoutError, OSError) as error:
            logger.warning("orphan_not_ended", machine_id=machine_id, error=str(error) or type(error).__name__)
    return settled


async def _adopt(machine_id: str, sandbox: Sandbox, now: datetime) -> bool:
    handle = sandbox.handle
    await in_db(environments.machine_started)(machine_id=uuid.UUID(machine_id), handle=handle, now=now)
    logger.warning("sandbox_adopted", machine_id=machine_id)
    return True


async def _end(machine_id: str, sandbox: Sandbox) -> bool:
    async with asyncio.timeout(ANSWER_S):
        await sandbox.stop()
    logger.warning("orphan_sandbox_ended", machine_id=machine_id)
    return True


def _places(now: datetime) -> list[AnySpec]:
    """Every place where a machine of ours lives, or lived lately; once, however many environments name it."""
    lately = Q(created_at__gt=now - IN_USE) | Q(status__in=environments.LIVE)
    used = Environment.with_deleted.filter(
        Exists(Machine.objects.filter(lately, environment=OuterRef("pk"))), purged_at=None
    )
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


def _sorted(machine_ids: set[str], now: datetime) -> Known:
    """As many questions for many as for one."""
    rows = Machine.objects.filter(pk__in=filter(None, map(_uuid, machine_ids)))
    lives = Q(status__in=environments.LIVE) | Q(stopped_at__gt=now - JUST_ENDED)
    made = rows.filter(status=MachineStatus.CREATING, created_at__lt=now - MADE_WITHIN)
    made_for = without_tasks(AgentSession.with_deleted.filter(machine__in=made))
    return Known(
        unfinished={str(id) for id in made_for.values_list("machine_id", flat=True)},
        living={str(id) for id in rows.filter(lives).values_list("pk", flat=True)},
    )


def _uuid(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text)
    except ValueError:
        return None

"""What sandboxes leave behind where they ran: removed with the session, or when it has moved away; tried again and
again where the place could not be reached."""

from __future__ import annotations

import contextlib
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import structlog
from channels.db import database_sync_to_async as in_db
from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.utils import timezone

from accounts.errors import DomainError
from environments import services as environments
from environments import specs
from environments.models import Machine
from sandbox import AnySpec, Sandbox, attach_sandbox, find_sandbox, running_sandboxes
from sandbox.errors import SandboxError, SandboxRefused
from sessions import dispatch
from sessions.models import AgentSession
from sessions.storable import clean

logger = structlog.get_logger(__name__)

SETTLED = timedelta(minutes=2)  # whoever ended it may be about to remove its home, too
AGAIN_AFTER = timedelta(minutes=10)
AT_ONCE = 50
PATIENCE = 3


@dataclass(frozen=True)
class Home:
    """One place with files of a session, by the newest machine that used it."""

    machine: Machine
    facts: specs.Facts


async def clear(session_id: uuid.UUID, *, but: uuid.UUID | None = None) -> int:
    """Remove all homes of a session, save the one that it has now; how many.

    One that cannot be reached now is left, and tried again by the reconciler.
    """
    return sum([await _clear(home) for home in await in_db(_of_session)(session_id, but)])


async def clear_left(environment_id: uuid.UUID) -> int:
    """Remove what nobody needs any more in one environment; how many.

    When the first few cannot be removed the place is taken for out of reach, and the rest waits, too.
    """
    cleared = failed = 0
    for home in await in_db(_left_in)(environment_id, timezone.now()):
        if await _clear(home):
            cleared += 1
        elif (failed := failed + 1) == PATIENCE:
            break
    return cleared


def left(now: datetime) -> QuerySet[Machine]:
    """Machines with files that nobody needs any more: their session has another home or is gone for good, or their
    environment is; or they were a test's, or kept warm."""
    gone = dispatch.for_good(now) - dispatch.CLOCKS_DIFFER
    rows = Machine.objects.filter(
        cleared_at=None,
        given_up_at=None,
        home_id__isnull=False,
        started_at__isnull=False,
        stopped_at__lt=now - SETTLED,
    )
    lives = Machine.objects.filter(home_id=OuterRef("home_id"), status__in=environments.LIVE)
    owners = AgentSession.with_deleted.exclude(deleted_at__lte=gone)
    # Two questions, since each has an index.
    named = owners.filter(home_id=OuterRef("home_id"))
    first = owners.filter(pk=OuterRef("home_id"), home_id=None)
    return rows.filter(~Exists(lives)).filter(
        (~Exists(named) & ~Exists(first)) | Q(environment__deleted_at__lte=gone),
    )


def due(now: datetime) -> QuerySet[Machine]:
    """Those of them that were not tried lately; what was tried never, or longest ago, first."""
    rows = left(now).filter(Q(clear_tried_at=None) | Q(clear_tried_at__lt=now - AGAIN_AFTER))
    return rows.order_by(F("clear_tried_at").asc(nulls_first=True), "pk")


async def end_in(folder: Path) -> None:
    """End whatever runs in a home folder on this machine, also what no row speaks of."""
    running = await running_sandboxes(specs.folder_spec(folder))
    for machine_id, sandbox in running.items():
        if sandbox.handle.get("root") == str(folder):
            logger.warning("orphan_sandbox_ended", machine_id=machine_id)
            await sandbox.stop()


async def _clear(home: Home) -> bool:
    machine = home.machine
    try:
        spec = specs.spec_for(specs.Wanted.of(machine, home.facts, mounts=tuple, gateway_dir=None))
        sandbox = await _found(spec, machine.handle)
        if sandbox is not None:
            await sandbox.destroy()
    except (SandboxError, DomainError, OSError) as error:
        logger.warning("home_not_cleared", machine_id=str(machine.pk), error=str(error))
        await in_db(environments.home_not_cleared)(machine=machine, error=str(clean(str(error))), now=timezone.now())
        return False
    await in_db(environments.home_cleared)(machine=machine, now=timezone.now())
    return True


async def _found(spec: AnySpec, handle: dict[str, Any]) -> Sandbox | None:
    with contextlib.suppress(SandboxRefused):
        return await attach_sandbox(spec, handle)
    return await find_sandbox(spec)


def _of_session(session_id: uuid.UUID, but: uuid.UUID | None) -> list[Home]:
    rows = Machine.objects.filter(subject_id=session_id, cleared_at=None)
    return _homes(rows if but is None else rows.exclude(home_id=but))


def _left_in(environment_id: uuid.UUID, now: datetime) -> list[Home]:
    return _homes(due(now).filter(environment_id=environment_id)[:AT_ONCE])


def _homes(rows: QuerySet[Machine]) -> list[Home]:
    """Each once, by the newest machine that used it; in the order of the rows."""
    newest: dict[tuple[uuid.UUID, uuid.UUID | None], Machine] = {}
    for row in rows.select_related("environment"):
        key = (row.environment_id, row.home_id)
        newest[key] = max(newest.get(key, row), row, key=lambda machine: machine.pk)
    facts = specs.facts_of(row.environment for row in newest.values())
    return [Home(row, facts[row.environment_id]) for row in newest.values()]

"""What a session's sandboxes leave behind where they ran: removed with the session, or when it has moved away."""

from __future__ import annotations

import contextlib
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog
from channels.db import database_sync_to_async as in_db
from django.utils import timezone

from environments import services as environments
from environments import specs
from environments.models import Machine
from sandbox import AnySpec, Sandbox, attach_sandbox, find_sandbox, running_sandboxes
from sandbox.errors import SandboxError, SandboxRefused

logger = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Home:
    """One place with files of a session, by the newest machine that used it."""

    machine: Machine
    facts: specs.Facts


async def clear(session_id: uuid.UUID, *, but: uuid.UUID | None = None) -> int:
    """Remove all homes of a session, save the one that it has now; how many.

    One that cannot be reached now is left, and tried again by the reconciler.
    """
    homes = await in_db(_homes)(session_id, but)
    return sum([await _clear(home) for home in homes])


async def end_in(folder: Path) -> None:
    """End whatever runs in a home folder on this machine, also what no row speaks of."""
    running = await running_sandboxes(specs.folder_spec(folder))
    for machine_id, sandbox in running.items():
        if sandbox.handle.get("root") == str(folder):
            logger.warning("orphan_sandbox_ended", machine_id=machine_id)
            await sandbox.stop()


async def _clear(home: Home) -> bool:
    machine = home.machine
    spec = specs.spec_for(specs.Wanted.of(machine, home.facts, mounts=tuple, gateway_dir=None))
    try:
        sandbox = await _found(spec, machine.handle)
        if sandbox is not None:
            await sandbox.destroy()
    except (SandboxError, OSError) as error:
        logger.warning("home_not_cleared", machine_id=str(machine.pk), error=str(error))
        return False
    await in_db(environments.home_cleared)(machine=machine, now=timezone.now())
    return True


async def _found(spec: AnySpec, handle: dict[str, Any]) -> Sandbox | None:
    with contextlib.suppress(SandboxRefused):
        return await attach_sandbox(spec, handle)
    return await find_sandbox(spec)


def _homes(session_id: uuid.UUID, but: uuid.UUID | None) -> list[Home]:
    rows = Machine.objects.filter(subject_id=session_id, cleared_at=None)
    rows = rows if but is None else rows.exclude(home_id=but)
    newest = {(row.environment_id, row.home_id): row for row in rows.select_related("environment").order_by("pk")}
    facts = specs.facts_of(row.environment for row in newest.values())
    return [Home(row, facts[row.environment_id]) for row in newest.values()]

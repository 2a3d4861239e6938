"""Folders of sandboxes on this machine that no row speaks of, or whose session is deleted."""

from __future__ import annotations

import asyncio
import uuid
from datetime import datetime
from pathlib import Path

import structlog
from channels.db import database_sync_to_async as in_db
from django.db.models import Q

from environments import specs
from environments.models import Machine
from runtime.file_time import file_time
from sandbox.folders import remove_tree
from sessions import dispatch
from sessions.engine import homes
from sessions.models import AgentSession
from sessions.upkeep.unattended import without_tasks

logger = structlog.get_logger(__name__)

OLD_S = 3600.0
SET_ASIDE_S = 7 * 86400.0
ASIDE = ".set-aside"


async def settle(*, now: datetime) -> int:
    """Put aside what the database has never heard of, and have removed what belongs to deleted sessions; how many."""
    folders = await asyncio.to_thread(specs.homes_here)
    spoken_of, doomed = await in_db(known)(set(folders), now)
    settled = len(doomed)
    for session_id in doomed:
        await in_db(dispatch.defer_cleanup)(session_id)
    for home_id, path in folders.items():
        settled += home_id not in spoken_of and await _set_aside(path, now)
    return settled


def sweep(*, now: datetime) -> int:
    """Remove what was put aside long ago."""
    swept = 0
    for path in (specs.sandboxes_root() / ASIDE).glob("*.*"):
        since = path.name.rpartition(".")[2]
        if since.isdigit() and int(since) < now.timestamp() - SET_ASIDE_S:
            remove_tree(path)
            swept += 1
    return swept


def is_young(path: Path) -> bool:
    """Whether something was written lately, by the clock of the file system."""
    return path.stat().st_mtime > file_time(path.parent) - OLD_S


def known(homes: set[uuid.UUID], now: datetime) -> tuple[set[uuid.UUID], list[uuid.UUID]]:
    """Those homes that a row speaks of, and the sessions with one that are deleted for good, when nobody removes it."""
    owners = AgentSession.with_deleted.filter(Q(home_id__in=homes) | Q(home_id=None, pk__in=homes))
    machines = Machine.objects.filter(home_id__in=homes, cleared_at=None).values_list("home_id", flat=True)
    spoken_of = {home_id or pk for pk, home_id in owners.values_list("pk", "home_id")} | {id for id in machines if id}
    doomed = without_tasks(owners.filter(deleted_at__lte=dispatch.for_good(now)))
    return spoken_of, list(doomed.values_list("pk", flat=True))


async def _set_aside(path: Path, now: datetime) -> bool:
    """Put aside a folder of which the database has never heard; removed a week later.

    Should the server have been started with the wrong database, nothing is lost.
    """
    if await asyncio.to_thread(is_young, path):
        return False
    await homes.end_in(path)
    await asyncio.to_thread(_move_aside, path, now)
    logger.warning("folder_set_aside", folder=str(path))
    return True


def _move_aside(path: Path, now: datetime) -> None:
    aside = path.parent / ASIDE
    aside.mkdir(mode=0o700, exist_ok=True)
    path.rename(aside / f"{path.name}.{int(now.timestamp())}")

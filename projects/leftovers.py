"""What killed processes leave of vaults: temporary packs and folders, locks that nobody holds, vaults of nobody."""

from __future__ import annotations

import contextlib
import os
import shutil
import time
import uuid
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import structlog
from django.conf import settings
from procrastinate.contrib.django.models import ProcrastinateJob

from projects import services
from projects.models import Project
from projects.repository import scratch_root, vault_root
from runtime.file_time import file_time

logger = structlog.get_logger(__name__)

SETTLED = timedelta(seconds=60)  # what is younger may be on its way
LOCK_S = 60.0
OLD_S = 3600.0
SET_ASIDE_S = 7 * 86400.0
LOCKS = ("*.lock", "objects/info/*.lock", "objects/pack/*.lock")
TEMPORARY = ("objects/pack/tmp_*", "objects/pack/.tmp-*", "objects/tmp_objdir-*", "objects/??/tmp_obj_*")


def sweep() -> int:
    """Remove what is old enough to be nobody's, where no git of this machine is at work; how many things."""
    moment = file_time(vault_root())
    swept = sum(_remove(path, moment - OLD_S) for path in _scratch())
    for vault in vault_root().glob("*.git"):
        old = [path for path in _locks(vault) if _changed_at(path) < moment - LOCK_S]
        old += [path for path in _temporary(vault) if _changed_at(path) < moment - OLD_S]
        if old and not is_at_work(vault):
            swept += sum(_remove(path, moment - LOCK_S) for path in old)
    return swept


def set_aside(*, now: datetime) -> int:
    """Put vaults of projects that the database has never heard of aside, for a week; how many.

    A server that died between a vault's rename and its row's commit leaves one. Should it have been started with the
    wrong database, nothing is lost: the folder only has another name.
    """
    moment, before = now.timestamp(), file_time(vault_root()) - OLD_S
    old = {path: id for path in vault_root().glob("*.git") if (id := _id(path)) and _changed_at(path) < before}
    known = set(Project.with_deleted.filter(pk__in=old.values()).values_list("pk", flat=True))
    unknown = [path for path, id in old.items() if id not in known]
    for path in unknown:
        logger.warning("vault_set_aside", path=str(path))
        path.rename(path.with_name(f"{path.name}.{int(moment)}"))
    return len(unknown) + _remove_set_aside(moment)


def remove_deleted(*, now: datetime) -> int:
    """Queue the removal of vaults of projects that were deleted and cannot be taken back any more; how many."""
    vaults = {id for path in vault_root().glob("*.git") if (id := _id(path))}
    kept = max(SETTLED, timedelta(seconds=settings.UNDO_S))
    doomed = Project.with_deleted.filter(pk__in=vaults, deleted_at__lt=now - kept)
    queued = ProcrastinateJob.objects.filter(task_name=services.REMOVE_VAULT, status__in=("todo", "doing"))
    known = set(queued.values_list("args__project_id", flat=True))
    left = [id for id in doomed.values_list("pk", flat=True) if str(id) not in known]
    for id in left:
        logger.warning("deleted_vault_left", project_id=str(id))
        services.defer_removal(id)
    return len(left)


def _id(vault: Path) -> uuid.UUID | None:
    with contextlib.suppress(ValueError):
        return uuid.UUID(vault.stem)
    return None


def _remove_set_aside(moment: float) -> int:
    removed = 0
    for path in vault_root().glob("*.git.*"):
        since = path.suffix.removeprefix(".")
        if since.isdigit() and int(since) < moment - SET_ASIDE_S:
            shutil.rmtree(path, ignore_errors=True)
            removed += 1
    return removed


def is_at_work(vault: Path) -> bool:
    """Whether a git process of this machine has anything to do with the repository."""
    wanted = os.fsencode(vault)
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        with contextlib.suppress(OSError):
            command = (folder / "cmdline").read_bytes()
            is_git = Path(os.fsdecode(command.split(b"\0")[0])).name.startswith("git")
            if is_git and (wanted in command or wanted in (folder / "environ").read_bytes()):
                return True
    return False


def _scratch() -> Iterator[Path]:
    """Unchecked repositories of imports that never ended, and vaults whose removal was cut short."""
    yield from scratch_root().iterdir()
    yield from vault_root().glob("*.deleted")


def _locks(vault: Path) -> Iterator[Path]:
    for pattern in LOCKS:
        yield from vault.glob(pattern)
    yield from (vault / "refs").rglob("*.lock")


def _temporary(vault: Path) -> Iterator[Path]:
    for pattern in TEMPORARY:
        yield from vault.glob(pattern)


def _changed_at(path: Path) -> float:
    """When it, or something just below it, was written last; the end of time for what is gone."""
    with contextlib.suppress(OSError):
        newest = path.lstat().st_mtime
        if path.is_dir() and not path.is_symlink():
            for inner in ("objects/pack", "."):
                for found in (path / inner).glob("*"):
                    with contextlib.suppress(OSError):
                        newest = max(newest, found.lstat().st_mtime)
        return newest
    return float("inf")


def _remove(path: Path, before: float) -> bool:
    if _changed_at(path) >= before:
        return False
    logger.warning("vault_leftover_removed", path=str(path), age_s=round(time.time() - _changed_at(path)))
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
    return not os.path.lexists(path)

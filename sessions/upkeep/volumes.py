"""Volumes of homes that are gone: removed, as the folders of such homes are."""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from datetime import datetime, timedelta
from pathlib import Path

import structlog
from aiodocker import Docker, DockerError
from channels.db import database_sync_to_async as in_db
from django.conf import settings

from environments import specs
from environments.deployment import deployment_id
from environments.models import Environment, EnvironmentKind
from sandbox.docker import volumes
from sandbox.docker.engine import engine
from sandbox.docker.volumes import Volume
from sandbox.errors import BackendUnavailable, SandboxError
from sessions.upkeep.folders import ASIDE, known

logger = structlog.get_logger(__name__)

YOUNG = timedelta(hours=1)  # a home's folder is made first, but who knows the engine's clock
ANSWER_S = 10.0


async def sweep(*, now: datetime) -> int:
    """Remove volumes of this deployment whose home is gone; how many.

    Folder and rows have to say so both: a data folder that is not mounted, or another database, costs nobody anything.
    """
    if not await in_db(Environment.with_deleted.filter(kind=EnvironmentKind.DOCKER).exists)():
        return 0
    deployment = await in_db(deployment_id)()
    with contextlib.suppress(BackendUnavailable):  # without an engine there is nothing to sweep
        async with engine(settings.DOCKER_HOST or None, timeout_s=ANSWER_S) as client:
            found = await volumes.of_deployment(client, deployment)
            left = await asyncio.to_thread(_without_folder, found, now)
            spoken_of, _ = await in_db(known)({home_id for home_id, _ in left}, now)
            return sum([await _removed(client, volume) for home_id, volume in left if home_id not in spoken_of])
    return 0


def _without_folder(found: list[Volume], now: datetime) -> list[tuple[uuid.UUID, Volume]]:
    """Those that are no longer young, with the homes that they were of, whose folders lay below ours."""
    root, left = specs.sandboxes_root(), []
    for volume in found if root.is_dir() else ():
        folder = Path(volume.root)
        is_young = volume.made_at is None or volume.made_at > now - YOUNG
        if is_young or folder.parent != root or folder.exists() or any((root / ASIDE).glob(f"{folder.name}.*")):
            continue
        with contextlib.suppress(ValueError):
            left.append((uuid.UUID(folder.name), volume))
    return left


async def _removed(client: Docker, volume: Volume) -> bool:
    try:
        await volumes.remove_one(client, volume.name)
    except (SandboxError, DockerError) as error:
        logger.warning("volume_not_removed", volume=volume.name, error=str(error))
        return False
    logger.warning("volume_of_nobody_removed", volume=volume.name)
    return True

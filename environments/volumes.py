"""Volumes of homes that are gone: removed, as the folders of such homes are."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import structlog
from aiodocker import Docker, DockerError
from channels.db import database_sync_to_async as in_db
from django.conf import settings

from environments.deployment import deployment_id
from environments.models import Environment, EnvironmentKind
from environments.specs import sandboxes_root
from sandbox.docker import volumes
from sandbox.docker.engine import engine
from sandbox.docker.volumes import Volume
from sandbox.errors import BackendUnavailable, SandboxError

logger = structlog.get_logger(__name__)

YOUNG = timedelta(hours=1)  # a home's folder is made first, but who knows the engine's clock


async def tidy(*, now: datetime) -> int:
    """Remove volumes of this deployment whose home has no folder any more, nor one that was set aside; how many."""
    if not await in_db(Environment.with_deleted.filter(kind=EnvironmentKind.DOCKER).exists)():
        return 0
    count, deployment = 0, await in_db(deployment_id)()
    try:
        async with engine(settings.DOCKER_HOST or None) as client:
            for volume in await volumes.of_deployment(client, deployment):
                count += _is_left(volume, now) and await _removed(client, volume)
    except BackendUnavailable:
        return count  # without an engine there is nothing to tidy
    return count


def _is_left(volume: Volume, now: datetime) -> bool:
    root = Path(volume.root)
    if root.parent != sandboxes_root() or volume.made_at is None or volume.made_at > now - YOUNG:
        return False
    return not root.exists() and not list(sandboxes_root().glob(f".*/{root.name}.*"))


async def _removed(client: Docker, volume: Volume) -> bool:
    try:
        await volumes.remove_one(client, volume.name)
    except (SandboxError, DockerError) as error:
        logger.warning("volume_not_removed", volume=volume.name, error=str(error))
        return False
    logger.warning("volume_of_nobody_removed", volume=volume.name)
    return True

"""What nothing needs any more: images that were replaced, those of environments that are gone, what crashes left."""

from __future__ import annotations

import contextlib
import time
import uuid
from datetime import datetime, timedelta

import structlog
from aiodocker import Docker
from channels.db import database_sync_to_async as in_db
from django.conf import settings

from environments.deployment import deployment_id
from environments.images import choice, contexts, labels, names, records
from environments.images.models import ImageBuild
from environments.images.names import BadImageName
from environments.models import Environment
from runtime.file_time import file_time
from sandbox.docker import images
from sandbox.docker.engine import engine
from sandbox.errors import BackendUnavailable

logger = structlog.get_logger(__name__)

YOUNG_S = 3600.0  # what is younger may be on its way in
BEGINNING = timedelta(seconds=10)  # what is younger may be of a build that has begun meanwhile


async def rescue(*, now: datetime) -> int:
    """End builds whose worker has died; how many."""
    lost = await in_db(records.rescue)(now=now)
    await sweep(now=now)
    return len(lost)


async def sweep(*, now: datetime) -> int:
    """Remove what builds that are over have left, since their worker died or the engine was away.

    Returns: of how many environments.
    """
    if not await in_db(ImageBuild.objects.exists)():
        return 0
    try:
        async with engine(settings.DOCKER_HOST or None) as client:
            return await _sweep(client, now)
    except BackendUnavailable:
        return 0  # until it is back


async def _sweep(client: Docker, now: datetime) -> int:
    deployment = await in_db(deployment_id)()
    found = await images.leftovers(client, labels.leftovers("", deployment))
    left = {its[labels.BUILDING] for its in found} - {"", *await in_db(_building)()}
    for environment_id in left:
        its = labels.leftovers(environment_id, deployment)
        await images.remove_leftovers(client, its, before=now - BEGINNING)
    return len(left)


def _building() -> set[str]:
    """Environments whose builds sweep by themselves."""
    return {str(id) for id in ImageBuild.objects.live().values_list("environment_id", flat=True)}


async def tidy(*, now: datetime) -> int:
    """Remove images that nothing uses any more, and contexts of nobody; how many images went."""
    await in_db(tidy_contexts)()
    if not await in_db(ImageBuild.objects.filter(removed_at=None).exists)():
        return 0
    try:
        async with engine(settings.DOCKER_HOST or None) as client:
            return await _remove_unused(client, now)
    except BackendUnavailable:
        return 0  # without an engine there is nothing to tidy


async def remove_images(environment_id: uuid.UUID, *, now: datetime) -> int:
    """Those of one environment that it does not use; all of them when it is gone."""
    async with engine(settings.DOCKER_HOST or None) as client:
        return await _remove_unused(client, now, only=environment_id)


async def _remove_unused(client: Docker, now: datetime, only: uuid.UUID | None = None) -> int:
    count, deployment = 0, await in_db(deployment_id)()
    for image in await images.labelled(client, labels.ours(deployment, only)):
        for text in image.names:
            build_id = _build_of(text)
            if build_id is None or await in_db(_is_used)(build_id):
                continue
            if await images.remove(client, text):  # the engine keeps what a container was made of
                count += 1
                await in_db(ImageBuild.objects.filter(pk=build_id).update)(removed_at=now)
    return count


def _build_of(text: str) -> uuid.UUID | None:
    """Whose image a name of the engine's means; None for names that others have given."""
    try:
        name = names.parse(text)
        return uuid.UUID(name.tag) if name.is_ours else None
    except (BadImageName, ValueError):
        return None


def _is_used(build_id: uuid.UUID) -> bool:
    """Whether it is what its environment uses now, or a build that is about to tell that it is done."""
    build = ImageBuild.objects.select_related("environment").filter(pk=build_id).first()
    if build is None or build.environment.purged_at is not None:
        return False
    return not build.is_finished or choice.current_builds([build.environment]).get(build.environment_id) == build


def tidy_contexts(young_s: float = YOUNG_S) -> None:
    """Contexts that were replaced during a build, or whose environment is gone; uploads that were cut off."""
    before = file_time(contexts.root()) - young_s if contexts.root().exists() else time.time()
    known = {str(id): id for id in Environment.with_deleted.filter(purged_at=None).values_list("pk", flat=True)}
    with contextlib.suppress(FileNotFoundError):
        for path in contexts.root().iterdir():
            if path.name in known:
                contexts.tidy(known[path.name], before=before)
            elif path.stat().st_mtime < before:
                contexts.remove_folder(path)

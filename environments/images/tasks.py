"""Jobs of images: built and removed, builds whose worker died, what nothing needs any more."""

from __future__ import annotations

import uuid

from channels.db import database_sync_to_async as in_db
from django.utils import timezone
from procrastinate.contrib.django import app

from accounts.handover import HandOn
from environments.images import builds, records, upkeep
from environments.images.services import BUILD, QUEUE, REMOVE_IMAGES
from sandbox.errors import BackendUnavailable


@app.task(name=BUILD, queue=QUEUE, retry=HandOn())
async def build_image(*, build_id: str) -> None:
    """One build; when the worker stops, the engine's is ended and the job goes back to the queue."""
    try:
        await builds.run(uuid.UUID(build_id))
    except Exception:
        await in_db(records.fail)(uuid.UUID(build_id))
        raise


@app.task(name=REMOVE_IMAGES, queue=QUEUE, retry=HandOn())
async def remove_images(*, environment_id: str) -> None:
    """What the engine cannot be asked for now, the next tidying up removes."""
    try:
        await upkeep.remove_images(uuid.UUID(environment_id), now=timezone.now())
    except BackendUnavailable:
        return


@app.periodic(cron="* * * * *")
@app.task(name="environments.rescue_builds", queue=QUEUE, queueing_lock="environments.rescue_builds")
async def rescue_builds(timestamp: int) -> None:
    await upkeep.rescue(now=timezone.now())


@app.periodic(cron="*/10 * * * *")
@app.task(name="environments.tidy_images", queue=QUEUE, queueing_lock="environments.tidy_images")
async def tidy_images(timestamp: int) -> None:
    await upkeep.tidy(now=timezone.now())

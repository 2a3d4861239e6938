"""Jobs of environments: tests, and what is removed some time after a deletion."""

from __future__ import annotations

import uuid

from channels.db import database_sync_to_async as in_db
from django.utils import timezone
from procrastinate.contrib.django import app

from accounts.handover import HandOn
from environments import checking, services
from environments.images import tasks as image_tasks
from environments.services.checks import QUEUE, RUN_CHECK

__all__ = ["image_tasks", "run_check", "tidy"]  # Procrastinate looks for jobs here


@app.task(name=RUN_CHECK, queue=QUEUE, retry=HandOn())
async def run_check(*, check_id: str) -> None:
    """One test; when the worker stops, its sandbox is removed and the job goes back to the queue."""
    await checking.run(uuid.UUID(check_id))


@app.periodic(cron="* * * * *")
@app.task(name="environments.tidy", queue=QUEUE, queueing_lock="environments.tidy")
async def tidy(timestamp: int) -> None:
    """Tests whose worker died, and what deleted environments have left."""
    await in_db(checking.rescue)(now=timezone.now())
    await in_db(services.purge_environments)(now=timezone.now())

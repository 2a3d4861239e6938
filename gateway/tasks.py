"""The gateway's upkeep."""

from __future__ import annotations

from channels.db import database_sync_to_async as in_db
from django.utils import timezone
from procrastinate.contrib.django import app

from gateway import services


@app.periodic(cron="7 * * * *")
@app.task(name="gateway.prune_tokens", queue="upkeep", queueing_lock="gateway.prune_tokens")
async def prune_tokens(timestamp: int) -> None:
    await in_db(services.prune_tokens)(now=timezone.now())

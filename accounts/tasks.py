"""The upkeep of accounts."""

from __future__ import annotations

from channels.db import database_sync_to_async as in_db
from django.utils import timezone
from procrastinate.contrib.django import app

from accounts import services


@app.periodic(cron="37 3 * * *")
@app.task(name="accounts.prune_browser_sessions", queue="upkeep", queueing_lock="accounts.prune_browser_sessions")
async def prune_browser_sessions(timestamp: int) -> None:
    await in_db(services.prune_browser_sessions)(now=timezone.now())

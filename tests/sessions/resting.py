"""Sessions at rest: their turn is over, and no worker holds them."""

from __future__ import annotations

from channels.db import database_sync_to_async as in_db
from django.db import connection

from sessions.models import Job
from tests.sessions.stage import Stage


async def play(stage: Stage, words: str = "do it") -> Job:
    """A turn to its end, and with it the task that a worker would have taken."""
    job = await stage.play(await stage.asend(words))
    await in_db(forget_tasks)()
    return job


def forget_tasks() -> None:
    with connection.cursor() as cursor:
        cursor.execute("delete from procrastinate_jobs")


def tasks() -> list[str]:
    """Names of the tasks that wait, in order."""
    with connection.cursor() as cursor:
        cursor.execute("select task_name from procrastinate_jobs where status = 'todo' order by id")
        return [name for (name,) in cursor.fetchall()]

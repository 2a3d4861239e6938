"""Sessions whose agents go on although no worker follows them: each is given to one, once."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import Any

from channels.db import database_sync_to_async as in_db
from django.utils import timezone
from pytest_django.fixtures import Settings

from sandbox import Phase
from sessions import services
from sessions import tasks as run_turn_tasks
from sessions.log import LogWriter
from sessions.models import Job, JobTrigger
from sessions.upkeep import abandoned, leftovers
from tests.sessions.resting import forget_tasks, tasks
from tests.sessions.stage import Stage, activity, background, begins, eventually, result, text

UNASKED = {"origin": {"kind": "task-notification"}}


async def leave(stage: Stage, *lines: Any) -> Job:
    """A turn to its end, after which the agent goes on; the worker that watched it dies, and its task is lost."""
    stage.player.acts = [lambda id: [begins(), *lines, result(id), activity("idle")]]
    job = await stage.asend()
    async with stage.playing(job):
        await stage.until_ended(job)
    await in_db(forget_tasks)()
    return await stage.reread(job)


def later() -> datetime:
    return timezone.now() + 2 * abandoned.LEFT_FOR


async def hand_over() -> int:
    found: int = await in_db(abandoned.hand_over)(now=later())
    return found


async def work(stage: Stage) -> None:
    """A worker takes the session's task."""
    async with LogWriter() as writer:
        run_turn_tasks._writers[asyncio.get_running_loop()] = writer
        await run_turn_tasks.run_turn(session_id=str(stage.session.pk), job_id="")


class TestHandOver:
    async def test_lets_a_worker_follow_background_tasks_again(self, stage: Stage) -> None:
        await leave(stage, background("tests"))

        found = [await hand_over() for _ in range(2)]
        queued = await in_db(tasks)()
        woken = [background(), begins(), text("They pass."), result(None, **UNASKED), activity("idle")]
        stage.guest.print(stage.run_name, *stage.player.lines(*woken))
        await work(stage)

        assert (found, queued) == ([1, 0], ["sessions.run_turn"])
        assert [event["text"] for event in await stage.events("assistant.text")] == ["They pass."]
        assert await Job.objects.filter(trigger=JobTrigger.AGENT, status="COMPLETED").acount() == 1

    async def test_tells_an_agent_that_its_turn_was_cancelled(self, stage: Stage) -> None:
        stage.player.acts = [[begins(), text("so far")]]
        job = await stage.asend()
        async with stage.playing(job):
            await stage.until("assistant.text")
        await in_db(forget_tasks)()
        await in_db(services.cancel)(session=stage.session, now=timezone.now())

        assert await hand_over() == 1
        assert await in_db(leftovers.settle_sessions)(now=later()) == 0
        await work(stage)

        assert stage.player.interrupts == 1
        assert ((await stage.reread(job)).status, stage.session.status) == ("CANCELLED", "COMPLETED")

    async def test_leaves_alone_what_is_at_rest_watched_or_new(self, stage: Stage) -> None:
        await leave(stage)
        at_rest = await hand_over()
        await in_db(type(stage.session).objects.update)(background=[{"id": "b", "kind": "command", "description": ""}])
        is_new = await in_db(abandoned.hand_over)(now=timezone.now() + timedelta(seconds=1))
        first, second = await hand_over(), await hand_over()

        assert (at_rest, is_new, first, second) == (0, 0, 1, 0)

    async def test_ends_what_has_lost_its_sandbox(self, stage: Stage) -> None:
        await leave(stage, background("tests"))
        stage.sandbox.phase = Phase.GONE

        await work(stage)
        await stage.session.arefresh_from_db()

        assert (stage.session.status, stage.session.background) == ("ERROR", [])
        assert await hand_over() == 0


class TestRoom:
    async def test_watchers_leave_room_for_turns(self, stage: Stage, settings: Settings) -> None:
        settings.WORKER_CONCURRENCY = 1
        await leave(stage, background("tests"))

        async with stage.playing(await stage.reread(await Job.objects.aget())) as watch:
            await eventually(lambda: len(stage.agent.sent) >= 3)
            await work(stage)
            is_watched = not watch.done()

        assert is_watched
        assert await hand_over() == 1

"""Sandboxes that idle or grow old are saved and put away, never thrown away."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from channels.db import database_sync_to_async as in_db
from django.utils import timezone
from pytest_django.fixtures import Settings

from environments.models import Environment, Machine
from sandbox import Phase
from sandbox.errors import GitFailed
from sessions.engine import lifecycle
from sessions.models import AgentSession, Job
from sessions.upkeep import aging
from tests.sessions.resting import forget_tasks, play, tasks
from tests.sessions.stage import Stage


@pytest.fixture(autouse=True)
def limits(settings: Settings) -> None:
    settings.SANDBOX_IDLE_S, settings.SANDBOX_MAX_AGE_S = 3600, 86_400


def ago(**span: float) -> datetime:
    return timezone.now() - timedelta(**span)


async def rested(stage: Stage, **span: float) -> None:
    """A turn that ended so long ago, in a sandbox as old."""
    await play(stage)
    stage.guest.next_snapshot = (stage.session.base_commit, True, b"")
    await Job.objects.aupdate(finished_at=ago(**span))
    await Machine.objects.aupdate(started_at=ago(**span))


async def put_away(stage: Stage) -> list[str]:
    await in_db(aging.put_away)(now=timezone.now())
    await lifecycle.put_away(stage.session.pk, is_due=aging.is_due)
    await stage.session.arefresh_from_db()
    waiting: list[str] = await in_db(tasks)()
    return waiting


class TestPutAway:
    async def test_saves_and_ends_what_idled(self, stage: Stage) -> None:
        await rested(stage, hours=2)

        assert await put_away(stage) == ["sessions.put_away"]
        session = stage.session
        assert (session.status, session.machine_id, session.git_status) == ("COMPLETED", None, "DIRTY")
        assert (stage.sandbox.phase, (await Machine.objects.aget()).status) == (Phase.STOPPED, "STOPPED")
        job = await stage.play(await stage.asend("two"))
        assert (job.status, len(stage.backend.made)) == ("COMPLETED", 2)

    async def test_leaves_what_was_used_lately_or_was_used_meanwhile(self, stage: Stage) -> None:
        await rested(stage, minutes=30)
        young = await put_away(stage)
        await Machine.objects.aupdate(started_at=ago(hours=2))

        assert (young, await put_away(stage), stage.sandbox.phase) == ([], [], Phase.RUNNING)

    async def test_keeps_what_cannot_be_saved_and_tries_later(self, stage: Stage) -> None:
        await rested(stage, hours=2)
        stage.guest.next_snapshot = GitFailed()

        await put_away(stage)

        assert (stage.session.status, stage.sandbox.phase) == ("COMPLETED", Phase.RUNNING)
        await in_db(forget_tasks)()
        assert await in_db(aging.put_away)(now=timezone.now()) == 0
        assert await in_db(aging.put_away)(now=timezone.now() + timedelta(hours=2)) == 1

    async def test_saves_before_the_platform_ends_it(self, stage: Stage) -> None:
        await rested(stage, minutes=8)
        await Environment.objects.aupdate(config={"lifetime_s": 600})

        assert await put_away(stage) == ["sessions.put_away"]
        assert stage.sandbox.phase is Phase.STOPPED


class TestStopOld:
    async def test_stops_what_is_still_at_work(self, stage: Stage) -> None:
        await rested(stage, hours=31)
        job = await Job.objects.aget()
        await Job.objects.filter(pk=job.pk).aupdate(status="PROCESSING", finished_at=None)
        await AgentSession.objects.aupdate(status="RUNNING")

        assert await in_db(aging.stop_old)(now=timezone.now()) == 1
        assert (await Job.objects.aget()).status == "CANCELLED"
        assert "reached its maximum age of" in (await stage.events("agent.notice"))[-1]["text"]

    async def test_gives_it_some_time(self, stage: Stage) -> None:
        await rested(stage, hours=26)
        await Job.objects.aupdate(status="PROCESSING", finished_at=None)

        assert await in_db(aging.stop_old)(now=timezone.now()) == 0

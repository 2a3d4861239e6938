"""A sandbox and an agent made ready before the first message, by few, and for sessions that rest."""

from __future__ import annotations

from typing import Any

import pytest
from channels.db import database_sync_to_async as in_db
from django.core.cache import cache
from django.utils import timezone
from pytest_django.fixtures import Settings

from environments.models import Environment, Machine
from sandbox.errors import BackendUnavailable
from sessions import services
from sessions.engine import pool, warming
from sessions.models import AgentSession
from sessions.services import warming as asking
from sessions.upkeep import deaths
from tests.sessions.resting import forget_tasks, play, tasks
from tests.sessions.stage import Stage


@pytest.fixture(autouse=True)
def forgotten() -> None:
    cache.clear()


async def ask(stage: Stage) -> bool:
    await stage.session.arefresh_from_db()
    session = await AgentSession.objects.select_related("machine").aget(pk=stage.session.pk)
    asked: bool = await in_db(services.prewarm)(session=session, by=stage.owner, now=timezone.now())
    return asked


class TestWarm:
    async def test_makes_all_ready_for_the_first_turn(self, stage: Stage) -> None:
        await warming.warm(stage.session.pk)
        run, machine = stage.run_name, await Machine.objects.aget()
        job = await stage.play(await stage.asend())

        assert (job.status, stage.run_name, len(stage.backend.made)) == ("COMPLETED", run, 1)
        assert (machine.status, stage.guest.cloned is not None) == ("RUNNING", True)
        assert await stage.events("session.status") != []

    async def test_repeated_changes_nothing(self, stage: Stage) -> None:
        for _ in range(2):
            await warming.warm(stage.session.pk)

        assert (len(stage.backend.made), len(stage.guest.agents)) == (1, 1)

    async def test_leaves_what_it_could_not_make_to_the_turn(self, stage: Stage) -> None:
        stage.backend.refusal = BackendUnavailable("There is no room.", hint="Make some.")
        await warming.warm(stage.session.pk)
        await stage.session.arefresh_from_db()
        shown = stage.session.status
        stage.backend.refusal = None

        job = await stage.play(await stage.asend())

        assert (shown, job.status) == ("WAITING_INPUT", "COMPLETED")

    @pytest.mark.parametrize("fields", [{"status": "STOPPED"}, {"status": "RUNNING"}, {"archived_at": timezone.now()}])
    async def test_wakes_no_session_that_does_not_rest(self, stage: Stage, fields: dict[str, Any]) -> None:
        await AgentSession.objects.aupdate(**fields)

        await warming.warm(stage.session.pk)

        assert stage.backend.made == []

    async def test_an_agent_that_dies_meanwhile_is_replaced(self, stage: Stage) -> None:
        await warming.warm(stage.session.pk)
        stage.guest.end_agent(stage.run_name, exit_code=1)
        await deaths.notice()

        job = await stage.play(await stage.asend())

        assert (job.status, len(stage.guest.agents)) == ("COMPLETED", 2)


class TestPrewarm:
    async def test_is_asked_for_once(self, stage: Stage) -> None:
        assert [await ask(stage) for _ in range(2)] == [True, False]
        assert await in_db(tasks)() == ["sessions.warm"]

    async def test_is_not_for_one_that_is_warm_or_works(self, stage: Stage) -> None:
        await play(stage)
        warm = await ask(stage)
        await in_db(forget_tasks)()
        await AgentSession.objects.aupdate(machine=None)
        await stage.asend()

        assert (warm, await ask(stage)) == (False, False)

    async def test_can_be_switched_off(self, stage: Stage, settings: Settings) -> None:
        settings.PREWARM = False

        assert not await ask(stage)

    async def test_of_an_environment_keeps_one_for_who_is_about_to_begin(self, stage: Stage) -> None:
        environment = await Environment.objects.aget()
        expect = in_db(services.prewarm_environment)

        asked = [await expect(environment=environment, by=stage.owner, now=timezone.now()) for _ in range(2)]
        await pool.keep(environment.pk)
        waiting = await Machine.objects.aget()
        await stage.play(await stage.asend())
        cache.clear()
        await pool.keep(environment.pk)

        assert (asked, waiting.subject_id, len(stage.backend.made)) == ([True, False], None, 1)
        assert (await Machine.objects.aget()).subject_id == stage.session.pk

    async def test_has_a_limit_for_each_person(self, stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(asking, "PER_USER", 0)

        assert not await ask(stage)

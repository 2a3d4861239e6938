"""Agents that idle are ended after a while, politely, and come back with the next message."""

from __future__ import annotations

from datetime import timedelta

import pytest
from channels.db import database_sync_to_async as in_db
from django.utils import timezone
from pytest_django.fixtures import Settings

from gateway.models import GatewayToken
from sessions.engine import leaving
from sessions.models import AgentSession
from sessions.upkeep import deaths, idle
from tests.sessions.resting import play, tasks
from tests.sessions.stage import Stage


async def is_tired(stage: Stage, seconds: int = 4000) -> None:
    await AgentSession.objects.aupdate(idle_since=timezone.now() - timedelta(seconds=seconds))


class TestSendToRest:
    async def test_queues_the_end_once(self, stage: Stage) -> None:
        await play(stage)
        await is_tired(stage)

        for _ in range(2):
            await in_db(idle.send_to_rest)(now=timezone.now())

        assert await in_db(tasks)() == ["sessions.rest_agent"]

    @pytest.mark.parametrize("seconds", [0, 1700])
    async def test_gives_an_agent_its_time(self, stage: Stage, seconds: int) -> None:
        await play(stage)
        await is_tired(stage, seconds)

        assert await in_db(idle.send_to_rest)(now=timezone.now()) == 0

    async def test_leaves_agents_with_work_in_the_background(self, stage: Stage) -> None:
        await play(stage)
        await is_tired(stage)
        await AgentSession.objects.aupdate(background=[{"id": "b1", "kind": "bash", "description": "a server"}])

        assert await in_db(idle.send_to_rest)(now=timezone.now()) == 0

    async def test_does_nothing_where_that_is_switched_off(self, stage: Stage, settings: Settings) -> None:
        settings.AGENT_IDLE_S = 0
        await play(stage)
        await is_tired(stage, 10**7)

        assert await in_db(idle.send_to_rest)(now=timezone.now()) == 0


class TestRest:
    async def test_asks_the_agent_to_leave_and_takes_its_token(self, stage: Stage) -> None:
        await play(stage)
        await is_tired(stage)

        for _ in range(2):
            await idle.rest(stage.session.pk)
        found = await deaths.notice()

        assert (stage.agent.exit_code, stage.guest.signals) == (0, [])
        assert not await GatewayToken.objects.live(timezone.now()).aexists()
        session = await AgentSession.objects.aget()
        assert (session.idle_since, session.status, found) == (None, "COMPLETED", 0)

    async def test_insists_when_the_agent_stays(self, stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(leaving, "GRACE_S", 0.2)
        stage.player.does_leave = False
        await play(stage)
        await is_tired(stage)

        await idle.rest(stage.session.pk)

        assert (stage.agent.is_alive, stage.guest.signals) == (False, [15])

    async def test_leaves_an_agent_that_has_work_again(self, stage: Stage) -> None:
        await play(stage)
        await is_tired(stage)
        await stage.asend("two")

        await idle.rest(stage.session.pk)

        assert stage.agent.is_alive

    async def test_the_next_message_brings_the_agent_back_with_its_conversation(self, stage: Stage) -> None:
        await play(stage, "one")
        stage.backend.has_transcript = True
        await is_tired(stage)
        await idle.rest(stage.session.pk)

        job = await play(stage, "two")

        assert (job.status, stage.player.prompts, len(stage.backend.made)) == ("COMPLETED", ["one", "two"], 1)
        assert "--resume" in stage.agent.argv
        assert (await AgentSession.objects.aget()).idle_since is not None

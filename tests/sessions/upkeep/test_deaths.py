"""Sandboxes and idle agents that die while nobody talks to them: noticed, named, and told what to do next."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from django.utils import timezone

from environments.models import Machine
from gateway.models import GatewayToken
from sandbox import Phase
from sessions.models import AgentSession
from sessions.upkeep import deaths
from tests.sessions.resting import play
from tests.sessions.stage import Stage, eventually


async def row_of(stage: Stage) -> AgentSession:
    return await AgentSession.with_deleted.aget(pk=stage.session.pk)


class TestASandbox:
    async def test_that_died_at_rest_stops_the_session_and_says_why(self, stage: Stage) -> None:
        await play(stage)
        stage.sandbox.crash()

        found = [await deaths.notice() for _ in range(2)]
        session = await row_of(stage)

        assert found == [1, 0]
        assert (session.status, session.machine_id, session.idle_since) == ("STOPPED", None, None)
        assert session.status_reason == "The sandbox ended. The files are kept. Send a message to go on."
        assert (await Machine.objects.aget()).status == "LOST"
        assert (await stage.events("session.status"))[-1]["reason"] == session.status_reason
        assert not await GatewayToken.objects.live(timezone.now()).aexists()

    async def test_that_died_takes_the_background_tasks_along(self, stage: Stage) -> None:
        await play(stage)
        await AgentSession.objects.aupdate(background=[{"id": "b1", "kind": "command", "description": "tests"}])
        stage.sandbox.crash()

        await deaths.notice()

        assert (await row_of(stage)).background == []
        assert {"background": []} in [event["changes"] for event in await stage.events("session.changed")]

    async def test_that_died_is_made_anew_by_the_next_message(self, stage: Stage) -> None:
        await play(stage, "one")
        stage.sandbox.crash()
        await deaths.notice()

        job = await play(stage, "two")

        assert (job.status, len(stage.backend.made), (await row_of(stage)).status_reason) == ("COMPLETED", 2, "")

    async def test_that_lives_is_left_alone(self, stage: Stage) -> None:
        await play(stage)

        assert await deaths.notice() == 0
        assert ((await row_of(stage)).status, (await Machine.objects.aget()).status) == ("COMPLETED", "RUNNING")

    async def test_that_does_not_answer_is_not_taken_for_dead(self, stage: Stage) -> None:
        await play(stage)
        stage.sandbox.phase = Phase.UNREACHABLE

        assert await deaths.notice() == 0

    async def test_that_dies_under_a_turn_fails_it_with_the_cause(self, stage: Stage) -> None:
        stage.player.acts = [[]]
        job = await stage.asend()
        async with stage.playing(job) as turn:
            await eventually(lambda: bool(stage.player.prompts))
            stage.sandbox.crash()
            await deaths.notice()
            await asyncio.wait([turn], timeout=10)

        job, session = await stage.reread(job), await row_of(stage)
        assert job.status == "FAILED"
        assert job.error == session.status_reason == "The sandbox ended. The files are kept. Send a message to go on."
        assert [machine.status async for machine in Machine.objects.all()] == ["LOST"]


class TestAMachineOverWhoseMakingTheServerDied:
    async def make(self, stage: Stage) -> None:
        await play(stage)
        before = timezone.now() - 2 * deaths.MADE_WITHIN
        await Machine.objects.aupdate(status="CREATING", handle={}, created_at=before)

    async def test_is_taken_over_when_it_runs(self, stage: Stage) -> None:
        await self.make(stage)

        await deaths.notice()
        machine = await Machine.objects.aget()

        assert (machine.status, machine.handle) == ("RUNNING", stage.sandbox.handle)

    async def test_is_given_up_when_it_does_not(self, stage: Stage) -> None:
        await self.make(stage)
        stage.sandbox.crash()

        await deaths.notice()

        assert "while the sandbox was being made" in (await Machine.objects.aget()).reason

    async def test_has_its_time(self, stage: Stage) -> None:
        await self.make(stage)
        stage.sandbox.crash()
        await Machine.objects.aupdate(created_at=timezone.now() - timedelta(seconds=5))

        await deaths.notice()

        assert (await Machine.objects.aget()).status == "CREATING"


class TestAnIdleAgent:
    async def test_that_died_is_told_with_the_cause_once(self, stage: Stage) -> None:
        await play(stage)
        stage.guest.end_agent(stage.run_name, exit_code=None, signal=9, stderr="no more")

        found = [await deaths.notice() for _ in range(2)]
        session = await row_of(stage)

        assert (found, session.status) == ([1, 0], "ERROR")
        assert session.status_reason.startswith("The agent ended unexpectedly (signal 9). Send a message to go on.")
        assert await stage.events("agent.exited") == [{"exit_code": None, "signal": 9, "stderr": "no more"}]

    async def test_takes_its_background_tasks_along(self, stage: Stage) -> None:
        await play(stage)
        tasks = [{"id": "b1", "kind": "command", "description": "tests"}]
        await AgentSession.objects.aupdate(background=tasks, agent_state={"activity": "running", "background": tasks})
        stage.guest.end_agent(stage.run_name, exit_code=1)

        await deaths.notice()
        session = await row_of(stage)

        assert (session.background, session.agent_state["activity"]) == ([], "")
        assert {"background": []} in [event["changes"] for event in await stage.events("session.changed")]

    async def test_goes_on_with_the_next_message(self, stage: Stage) -> None:
        await play(stage, "one")
        stage.guest.end_agent(stage.run_name, exit_code=1)
        await deaths.notice()

        job = await play(stage, "two")

        assert (job.status, stage.player.prompts, len(stage.guest.agents)) == ("COMPLETED", ["one", "two"], 2)

    async def test_that_was_ended_for_a_cancelled_turn_is_no_news(self, stage: Stage) -> None:
        job = await play(stage)
        stage.guest.end_agent(stage.run_name, exit_code=143)
        await type(job).objects.aupdate(status="CANCELLED")

        assert await deaths.notice() == 0
        assert (await row_of(stage)).status == "COMPLETED"

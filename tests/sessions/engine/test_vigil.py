"""A turn whose end was lost, and an agent that answers no more, also between turns."""

from __future__ import annotations

import asyncio

import pytest
from channels.db import database_sync_to_async as in_db

from sessions.engine import claims, vigil
from tests.sessions.stage import Act, Stage, activity, asks, background, begins, eventually, result, text

PATIENCE_S = 20  # of a test that waits for an end which may not come


@pytest.fixture(autouse=True)
def nobody_is_patient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vigil, "LOOK_S", 0.05)
    monkeypatch.setattr(vigil, "IDLE_S", 0.1)
    monkeypatch.setattr(vigil, "REPLY_S", 0.3)


class TestDuringATurn:
    async def test_torn_end_fails_the_turn_when_the_agent_is_idle(self, stage: Stage) -> None:
        stage.player.activity = "idle"
        stage.player.acts = [[begins(), text("so far")]]
        job = await stage.asend()

        async with stage.playing(job) as task:
            await stage.until("assistant.text")
            stage.guest.print(stage.run_name, b'{"type": "result", "subty\n')
            await task
        job = await stage.reread(job)

        assert (job.status, stage.session.status) == ("FAILED", "ERROR")
        assert "was lost" in job.error
        assert stage.agent.is_alive

    async def test_torn_line_of_a_busy_agent_costs_nothing(self, stage: Stage) -> None:
        stage.player.activity = "running"
        stage.player.acts = [[begins(), activity("running"), text("so far")]]
        job = await stage.asend()

        async with stage.playing(job) as task:
            await stage.until("assistant.text")
            stage.guest.print(stage.run_name, b"\xff half a li\n")
            await eventually(lambda: any(name.startswith("check-") for name in stage.agent.sent))
            ended = {"type": "result", "subtype": "success", "user_message_uuid": stage.player.prompt_ids[0]}
            stage.guest.print(stage.run_name, *stage.player.lines(ended, activity("idle")))
            await task

        assert (await stage.reread(job)).status == "COMPLETED"

    async def test_agent_that_says_nothing_any_more_is_given_up(
        self, stage: Stage, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(vigil, "SILENCE_S", 0.1)
        stage.player.does_greet = False
        stage.player.acts = [[begins(), activity("running"), text("so far")]]

        job = await stage.play(await stage.asend())

        assert job.status == "FAILED"
        assert "does not answer" in job.error


def goes_on_running(*tasks: str) -> Act:
    """An act: the turn ends, the agent says that it still does something, and no more."""
    return lambda id: [begins(), background(*tasks), result(id), activity("running")]


def checks(stage: Stage) -> int:
    """How often the agent was asked what it does."""
    return sum(name.startswith("check-") for name in stage.agent.sent)


class TestBetweenTurns:
    async def test_silent_agent_that_says_it_is_idle_is_watched_no_more(
        self, stage: Stage, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(vigil, "SILENCE_S", 0.1)
        stage.player.activity = "running"
        stage.player.acts = [goes_on_running()]
        job = await stage.asend()

        async with stage.playing(job) as task:
            await stage.until_ended(job)
            await eventually(lambda: checks(stage) > 0)
            stage.player.activity = "idle"
            await asyncio.wait_for(task, PATIENCE_S)
        await stage.reread(job)

        assert (stage.session.status, stage.session.status_reason) == ("COMPLETED", "")
        assert stage.session.idle_since is not None
        assert stage.agent.is_alive
        assert await in_db(claims.claim_watch)(session_id=stage.session.pk) is None

    async def test_torn_line_is_asked_about_at_once(self, stage: Stage) -> None:
        stage.player.activity = "running"
        stage.player.acts = [goes_on_running()]
        job = await stage.asend()

        async with stage.playing(job) as task:
            await stage.until_ended(job)
            await eventually(lambda: sum(name.startswith("init-") for name in stage.agent.sent) == 2)
            stage.player.activity = "idle"
            stage.guest.print(stage.run_name, b'{"type": "system", "subty\n')
            await asyncio.wait_for(task, PATIENCE_S)
        await stage.reread(job)

        assert (stage.session.status, checks(stage)) == ("COMPLETED", 1)

    async def test_agent_that_answers_no_more_is_given_up(self, stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(vigil, "SILENCE_S", 0.1)
        stage.player.does_greet = False
        stage.player.acts = [goes_on_running("tests")]
        job = await stage.asend()

        async with stage.playing(job) as task:
            await stage.until_ended(job)
            stage.guest.print(stage.run_name, *stage.player.lines(asks("r1")))
            await asyncio.wait_for(task, PATIENCE_S)
        await stage.reread(job)
        shown = stage.session.status, stage.session.status_reason, stage.session.background
        stage.player.does_greet = True
        second = await stage.play(await stage.asend("two"))

        assert shown == ("ERROR", "The agent does not answer any more. Send a message to go on with a new one.", [])
        assert [told["status"] for told in await stage.events("permission.resolved")] == ["CANCELLED"]
        assert (second.status, len(stage.guest.agents)) == ("COMPLETED", 2)

    async def test_agent_that_waits_for_its_tasks_is_watched_on(
        self, stage: Stage, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(vigil, "SILENCE_S", 0.1)
        stage.player.activity = "idle"
        stage.player.acts = [lambda id: [begins(), background("tests"), result(id), activity("idle")]]
        job = await stage.asend()

        async with stage.playing(job) as task:
            await stage.until_ended(job)
            await eventually(lambda: checks(stage) > 2)
            is_over = task.done()
            stage.guest.print(stage.run_name, *stage.player.lines(background()))
            await asyncio.wait_for(task, PATIENCE_S)

        assert not is_over

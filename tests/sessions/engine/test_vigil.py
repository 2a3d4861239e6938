"""A turn whose end was lost, and an agent that answers no more."""

from __future__ import annotations

import pytest

from sessions.engine import vigil
from tests.sessions.stage import Stage, activity, begins, eventually, text


@pytest.fixture(autouse=True)
def nobody_is_patient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vigil, "LOOK_S", 0.05)
    monkeypatch.setattr(vigil, "IDLE_S", 0.1)
    monkeypatch.setattr(vigil, "REPLY_S", 0.3)


class TestVigil:
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

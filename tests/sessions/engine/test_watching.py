"""What goes on after a turn: background tasks, what they ask, and the turns that the agent begins by itself."""

from __future__ import annotations

import asyncio

from channels.db import database_sync_to_async as in_db
from django.utils import timezone

from sessions.engine import claims
from sessions.models import Job, JobTrigger
from sessions.upkeep import deaths
from tests.sessions.resting import forget_tasks
from tests.sessions.stage import Stage, activity, asks, background, begins, eventually, result, text

UNASKED = {"origin": {"kind": "task-notification"}}


def leaves_task(id: str) -> list[dict[str, object]]:
    """An act: the turn ends, a task goes on."""
    return [begins(), background("tests"), result(id), activity("idle")]


class TestWatching:
    async def test_ends_when_the_last_task_has_ended(self, stage: Stage) -> None:
        stage.player.acts = [leaves_task]
        job = await stage.asend()

        async with stage.playing(job) as task:
            await stage.until("session.changed")
            await stage.until_ended(job)
            shown = (await stage.reread(job)).status, stage.session.background
            stage.guest.print(stage.run_name, *stage.player.lines(background()))
            await task
        await stage.reread(job)

        assert shown == ("COMPLETED", [{"id": "tests", "kind": "command", "description": "tests"}])
        assert (stage.session.background, stage.session.status) == ([], "COMPLETED")
        assert stage.session.idle_since is not None

    async def test_turn_that_the_agent_begins_is_a_job_of_its_own(self, stage: Stage) -> None:
        stage.player.acts = [leaves_task]
        job = await stage.asend()

        async with stage.playing(job) as task:
            await stage.until_ended(job)
            woken = [background(), activity("running"), begins(), text("They pass."), result(None, **UNASKED)]
            stage.guest.print(stage.run_name, *stage.player.lines(*woken, activity("idle")))
            await task
        (own,) = [row async for row in Job.objects.filter(session=stage.session, trigger=JobTrigger.AGENT)]

        assert (own.status, own.asked_by) == ("COMPLETED", stage.owner.pk)
        assert (await stage.reread(job)).status == "COMPLETED"
        told = [event for event in await stage.events("job.status") if event["job_id"] == str(own.pk)]
        assert {event["message_id"] for event in told} == {None}
        assert [event["text"] for event in await stage.events("assistant.text")] == ["They pass."]
        assert len(await stage.events("turn.completed")) == len(await stage.events("checkpoint.created")) == 2

    async def test_request_that_comes_after_the_result_is_shown_and_answered(self, stage: Stage) -> None:
        stage.player.acts = [leaves_task]
        job = await stage.asend()

        async with stage.playing(job):
            await stage.until_ended(job)
            stage.guest.print(stage.run_name, *stage.player.lines(asks("r1")))
            await stage.until("permission.requested")
            await stage.until("session.status", 3)
            await stage.reread(job)
            shown = stage.session.status
            await stage.answer()
            await eventually(lambda: len(stage.player.answers) == 1)

        assert shown == "WAITING_INPUT"
        assert stage.player.answers[0]["response"] == {"behavior": "allow"}

    async def test_message_is_delivered_to_the_same_process_at_once(self, stage: Stage) -> None:
        stage.player.acts = [leaves_task]
        first = await stage.asend("one")

        async with stage.playing(first):
            await stage.until_ended(first)
            second = await stage.asend("two")
            await stage.until_ended(second)

        assert (await stage.reread(second)).status == "COMPLETED"
        assert (stage.player.prompts, len(stage.guest.agents)) == (["one", "two"], 1)

    async def test_goes_on_with_the_next_worker(self, stage: Stage) -> None:
        stage.player.acts = [leaves_task]
        job = await stage.asend()
        async with stage.playing(job):
            await stage.until_ended(job)
        woken = [background(), begins(), text("They pass."), result(None, **UNASKED), activity("idle")]
        stage.guest.print(stage.run_name, *stage.player.lines(*woken))

        await stage.play(job)

        assert [event["text"] for event in await stage.events("assistant.text")] == ["They pass."]
        assert (
            await Job.objects.filter(session=stage.session, trigger=JobTrigger.AGENT, status="COMPLETED").acount() == 1
        )

    async def test_death_of_the_agent_is_told(self, stage: Stage) -> None:
        stage.player.acts = [leaves_task]
        job = await stage.asend()

        async with stage.playing(job) as task:
            await stage.until_ended(job)
            stage.guest.end_agent(stage.run_name, exit_code=None, signal=9)
            await task
        await stage.reread(job)

        assert (stage.session.status, stage.session.background) == ("ERROR", [])
        assert "signal 9" in stage.session.status_reason

    async def test_death_of_the_agent_is_told_once_although_the_worker_dies_of_telling_it(self, stage: Stage) -> None:
        job = await self._die_telling(stage)

        await stage.play(job)

        assert (stage.session.status, stage.session.background) == ("ERROR", [])
        assert "signal 9" in stage.session.status_reason
        assert [event["signal"] for event in await stage.events("agent.exited")] == [9]

    async def test_death_of_the_agent_is_not_told_again_by_who_looks_for_deaths(self, stage: Stage) -> None:
        await self._die_telling(stage)
        await in_db(forget_tasks)()

        found = await deaths.notice()
        await stage.session.arefresh_from_db()

        assert (found, stage.session.status, stage.session.background) == (1, "ERROR", [])
        assert [event["signal"] for event in await stage.events("agent.exited")] == [9]

    async def _die_telling(self, stage: Stage) -> Job:
        """The agent dies between turns, and the worker that tells it does too."""
        stage.player.acts = [leaves_task]
        job = await stage.asend()
        async with stage.playing(job) as task:
            await stage.until_ended(job)
            with stage.dying_at("agent.exit_told"):
                stage.guest.end_agent(stage.run_name, exit_code=None, signal=9)
                await asyncio.wait([task], timeout=20)
        await stage.reread(job)
        assert (task.cancelled(), stage.session.status) == (True, "COMPLETED")
        assert len(await stage.events("agent.exited")) == 1
        return job

    async def test_sessions_with_nothing_left_to_do_are_not_watched(self, stage: Stage) -> None:
        await stage.play(await stage.asend())

        assert await in_db(claims.claim_watch)(session_id=stage.session.pk) is None


class TestBeginUnasked:
    async def test_makes_one_job_however_often_it_is_read(self, stage: Stage) -> None:
        stage.player.acts = [leaves_task]
        job = await stage.asend()
        async with stage.playing(job):
            await stage.until_ended(job)

        for _ in range(2):
            lease = await in_db(claims.claim_watch)(session_id=stage.session.pk)
            if lease is None:
                break
            await in_db(claims.begin_unasked)(lease, offset=7, now=timezone.now())

        assert await Job.objects.filter(session=stage.session, trigger=JobTrigger.AGENT).acount() == 1

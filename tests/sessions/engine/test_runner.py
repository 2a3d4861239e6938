"""Turns from claim to checkpoint, with a scripted agent: what is left when somebody dies, and who mends it."""

from __future__ import annotations

import asyncio
import base64
import threading
from functools import partial
from typing import Any

import psycopg
import pytest
from asgiref.sync import sync_to_async
from channels.db import database_sync_to_async as in_db
from django.utils import timezone

from sandbox.errors import BackendUnavailable, GitFailed, GuestSilent
from sessions import events, services
from sessions.engine import runner, turns
from sessions.engine.runner import DATABASE_LOST
from sessions.live.doorbell import listen
from sessions.log.writer import django_conninfo
from sessions.models import AgentSession, Message, PermissionRequest
from tests.sessions.rows import IMAGE, make_attachment
from tests.sessions.stage import Stage, activity, asks, background, begins, eventually, result, text


def _tells(rings: list[dict[str, Any]], kind: str) -> bool:
    """Whether readers were told of such an event."""
    return any(told == kind for ring in rings for _, told, _ in ring.get("events", ()))


class TestATurn:
    async def test_delivers_the_message_completes_and_keeps_the_tree(self, stage: Stage) -> None:
        job = await stage.play(await stage.asend("write it"))

        (checkpoint,) = await stage.events("checkpoint.created")
        assert (job.status, stage.session.status) == ("COMPLETED", "COMPLETED")
        assert stage.player.prompts == ["write it"]
        assert [event["text"] for event in await stage.events("assistant.text")] == ["done"]
        ref = f"refs/sessions/{stage.session.pk}/{checkpoint['checkpoint_id']}"
        assert await sync_to_async(stage.vault.read_ref)(ref) == stage.session.base_commit

    async def test_goes_on_with_the_same_process(self, stage: Stage) -> None:
        for words in ("one", "two"):
            await stage.play(await stage.asend(words))

        assert stage.player.prompts == ["one", "two"]
        assert len(stage.guest.agents) == len(stage.backend.made) == 1

    async def test_says_why_no_sandbox_could_be_made(self, stage: Stage) -> None:
        stage.backend.refusal = BackendUnavailable("No bubblewrap\0 here.", hint="Install it.")

        job = await stage.play(await stage.asend())

        assert (job.status, stage.session.status) == ("FAILED", "ERROR")
        assert job.error == stage.session.status_reason == "No bubblewrap\ufffd here. Install it."

    async def test_fails_when_the_model_did(self, stage: Stage) -> None:
        stage.player.acts = [lambda id: [result(id, is_error=True, result="overloaded")]]

        job = await stage.play(await stage.asend())

        assert (job.status, job.error, stage.session.status) == ("FAILED", "overloaded", "ERROR")
        assert job.result is None

    async def test_costs_nothing_with_the_practice_model(self, stage: Stage) -> None:
        stage.player.acts = [lambda id: [result(id, total_cost_usd=0.5)]]

        job = await stage.play(await stage.asend())

        (completed,) = await stage.events("turn.completed")
        assert (job.result, completed["cost_usd"]) == (completed, "0")

    async def test_is_read_before_the_database_has_taken_that_the_message_was_delivered(
        self, stage: Stage, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        is_told, note = threading.Event(), turns.mark_delivered

        def slow_note(*given: Any) -> None:
            assert is_told.wait(10)
            note(*given)

        monkeypatch.setattr(turns, "mark_delivered", slow_note)
        async with listen(events.watchers_group(stage.session.pk)) as bell, stage.playing(await stage.asend()) as turn:
            while not _tells(await bell.wait(timeout_s=20), "turn.completed"):
                assert not turn.done()
            is_told.set()
            await turn

        message = await Message.objects.aget(session=stage.session)
        assert message.delivered_at is not None

    async def test_shows_the_agent_the_images_in_their_order(self, stage: Stage) -> None:
        images = [await in_db(make_attachment)(stage.session, data) for data in (IMAGE + b" 1", IMAGE + b" 2")]
        sent = await in_db(services.send_message)(
            session=stage.session,
            author=stage.owner,
            text="look",
            attachment_ids=[images[1].pk, images[0].pk],
            now=timezone.now(),
        )

        job = await stage.play(sent.job)

        first, second, words = stage.player.prompts[0]
        assert job.status == "COMPLETED"
        assert words == {"type": "text", "text": "look"}
        assert [base64.b64decode(shown["source"]["data"]) for shown in (first, second)] == [
            IMAGE + b" 2",
            IMAGE + b" 1",
        ]
        assert first["source"]["media_type"] == "image/png"

    async def test_ends_with_the_result_that_answers_several_messages(self, stage: Stage) -> None:
        stage.player.acts = [
            lambda id: [text("both"), result(None, user_message_uuids=["an-earlier-one", id])],
        ]

        job = await stage.play(await stage.asend())

        assert (job.status, len(await stage.events("turn.completed"))) == ("COMPLETED", 1)

    async def test_begun_by_the_agent_just_before_answers_the_message_too(self, stage: Stage) -> None:
        origin = {"kind": "task-notification"}
        stage.player.acts = [
            lambda id: [begins(), text("tests pass"), result(None, origin=origin), begins(), text("done"), result(id)],
            lambda id: [begins(), text("all of it"), result(None, origin=origin, user_message_uuids=[id])],
        ]

        jobs = [await stage.play(await stage.asend(words)) for words in ("one", "two")]

        assert [job.status for job in jobs] == ["COMPLETED", "COMPLETED"]
        assert len(await stage.events("turn.completed")) == 2
        assert [event["text"] for event in await stage.events("assistant.text")] == ["tests pass", "done", "all of it"]

    async def test_takes_the_end_of_another_message_for_nothing(self, stage: Stage) -> None:
        stage.player.acts = [lambda id: [text("late"), result("an-earlier-one"), text("mine"), result(id)]]

        job = await stage.play(await stage.asend())

        assert job.status == "COMPLETED"
        assert len(await stage.events("turn.completed")) == 1
        assert [event["text"] for event in await stage.events("assistant.text")] == ["late", "mine"]


class TestSteps:
    async def test_that_take_a_moment_are_told(self, stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(runner, "SHOWN_AFTER_S", 0.0)
        stage.backend.on_open = partial(stage.until_shown, "Starting the sandbox")

        job = await stage.play(await stage.asend())

        assert job.status == "COMPLETED"
        assert "Starting the sandbox" in await _steps(stage)

    async def test_end_with_the_turn_that_is_called_off_meanwhile(self, stage: Stage) -> None:
        async def call_off() -> None:
            await in_db(services.cancel)(session=stage.session, now=timezone.now())

        stage.backend.on_open = call_off

        job = await stage.play(await stage.asend())

        assert (job.status, stage.player.prompts) == ("CANCELLED", [])

    async def test_that_take_none_are_not(self, stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(runner, "SHOWN_AFTER_S", 60.0)

        await stage.play(await stage.asend())

        assert await _steps(stage) == ["Working"]


async def _steps(stage: Stage) -> list[str]:
    """What was told of the turn's progress."""
    return [told["progress_message"] for told in await stage.events("job.status") if told["progress_message"]]


class TestTheAgentsDeath:
    async def test_between_turns_costs_a_new_process(self, stage: Stage) -> None:
        await stage.play(await stage.asend("one"))
        stage.guest.end_agent(stage.run_name)
        stage.backend.has_transcript = True

        job = await stage.play(await stage.asend("two"))

        assert job.status == "COMPLETED"
        assert stage.player.prompts == ["one", "two"]
        assert stage.agent.argv[-2:] == ["--resume", str(stage.session.claude_session_id)]

    async def test_with_the_message_fails_the_turn_and_withdraws_what_it_asked(self, stage: Stage) -> None:
        stage.player.acts = [[text("so far"), asks("r1")]]
        job = await stage.asend()

        async with stage.playing(job) as task:
            await stage.until("permission.requested")
            stage.guest.end_agent(stage.run_name, exit_code=None, signal=9, stderr="out of\0 memory \ud800")
            await task
        job = await stage.reread(job)

        assert (job.status, stage.session.status) == ("FAILED", "ERROR")
        assert "signal 9" in job.error
        assert "out of\ufffd memory" in job.error
        assert (await stage.events("agent.exited"))[0]["signal"] == 9
        assert (await stage.events("permission.resolved"))[0]["status"] == "CANCELLED"

    async def test_with_a_message_that_no_worker_lived_to_note_does_not_run_it_again(self, stage: Stage) -> None:
        stage.player.acts = [[text("so far")]]
        job = await stage.asend("one")
        async with stage.playing(job):
            await stage.until("assistant.text")
        await Message.objects.filter(job=job).aupdate(delivered_at=None)
        stage.guest.end_agent(stage.run_name, exit_code=None, signal=9)

        job = await stage.play(job)

        assert (job.status, stage.player.prompts) == ("FAILED", ["one"])
        assert [event["text"] for event in await stage.events("assistant.text")] == ["so far"]

    async def test_at_work_is_told_once(self, stage: Stage) -> None:
        stage.player.acts = [[activity("running"), begins(), background("tests"), text("so far")]]
        job = await stage.asend()

        async with stage.playing(job) as task:
            await stage.until("assistant.text")
            stage.guest.end_agent(stage.run_name, exit_code=None, signal=9)
            await task
        await stage.reread(job)

        assert len(await stage.events("agent.exited")) == 1
        assert [event["status"] for event in await stage.events("session.status")] == ["RUNNING", "ERROR"]
        assert stage.session.background == []

    async def test_is_told_once_although_the_worker_dies_of_telling_it(self, stage: Stage) -> None:
        stage.player.acts = [[begins(), text("so far"), asks("r1")]]
        job = await stage.asend()

        async with stage.playing(job) as task:
            await stage.until("permission.requested")
            with stage.dying_at("agent.exit_told"):
                stage.guest.end_agent(stage.run_name, exit_code=None, signal=9)
                await asyncio.wait([task], timeout=20)
        is_dead = task.cancelled()
        is_told = len(await stage.events("agent.exited")), (await stage.reread(job)).status
        job = await stage.play(job)

        assert (is_dead, is_told) == (True, (1, "PROCESSING"))
        assert (job.status, stage.session.status) == ("FAILED", "ERROR")
        assert "signal 9" in job.error
        assert [event["signal"] for event in await stage.events("agent.exited")] == [9]
        assert len(await stage.events("permission.resolved")) == 1

    async def test_for_a_cancelled_turn_is_no_news(self, stage: Stage) -> None:
        stage.player.acts = [[activity("running"), begins(), background("tests"), text("so far")]]
        stage.player.on_interrupt = list
        job = await stage.asend()

        async with stage.playing(job) as task:
            await stage.until("assistant.text")
            await in_db(services.cancel)(session=stage.session, now=timezone.now())
            await task
        job = await stage.reread(job)

        assert (job.status, stage.session.status, stage.session.background) == ("CANCELLED", "COMPLETED", [])
        assert await stage.events("agent.exited") == []

    async def test_while_nobody_watched_still_tells_what_it_had_said(self, stage: Stage) -> None:
        stage.player.acts = [[text("so far")]]
        job = await stage.asend()
        async with stage.playing(job):
            await stage.until("assistant.text")

        stage.guest.print(stage.run_name, *stage.player.lines(text("at last"), asks("r1")))
        stage.guest.end_agent(stage.run_name, exit_code=1)
        job = await stage.play(job)

        assert job.status == "FAILED"
        assert [event["text"] for event in await stage.events("assistant.text")] == ["so far", "at last"]
        assert not await PermissionRequest.objects.filter(status="PENDING").aexists()

    async def test_after_the_end_of_the_turn_does_not_fail_it(self, stage: Stage) -> None:
        stage.player.acts = [[text("so far")]]
        job = await stage.asend()
        async with stage.playing(job):
            await stage.until("assistant.text")

        stage.guest.print(stage.run_name, *stage.player.lines(text("at last"), result(stage.player.prompt_ids[0])))
        stage.guest.end_agent(stage.run_name)
        job = await stage.play(job)

        assert (job.status, len(stage.player.prompts)) == ("COMPLETED", 1)

    async def test_with_an_old_question_leaves_nobody_waiting(self, stage: Stage) -> None:
        stage.player.acts = [[text("so far")]]
        first = await stage.asend("one")
        async with stage.playing(first):
            await stage.until("assistant.text")
        await in_db(services.cancel)(session=stage.session, now=timezone.now())
        stage.guest.print(stage.run_name, *stage.player.lines(asks("r1")))
        stage.guest.end_agent(stage.run_name)
        await stage.play(first)

        job = await stage.play(await stage.asend("two"))

        assert job.status == "COMPLETED"
        assert not await PermissionRequest.objects.filter(status="PENDING").aexists()

    async def test_is_not_told_of_a_result_that_is_nobodys(self, stage: Stage) -> None:
        await stage.play(await stage.asend("one"))
        stage.guest.print(stage.run_name, *stage.player.lines(result(None)))
        stage.guest.end_agent(stage.run_name)

        await stage.play(await stage.asend("two"))

        assert stage.player.prompts == ["one", "two"]


class TestASandboxThatMisbehaves:
    async def test_fails_the_turn_and_gets_a_new_agent_for_the_next(self, stage: Stage) -> None:
        stage.player.acts = [[asks("r1")]]
        job = await stage.asend("one")
        async with stage.playing(job) as task:
            await stage.until("permission.requested")
            stage.guest.fail(GuestSilent())
            await task
        stage.guest.fail(None)
        job = await stage.reread(job)

        after = await stage.play(await stage.asend("two"))

        assert (job.status, after.status) == ("FAILED", "COMPLETED")
        assert [agent.is_alive for agent in stage.guest.agents.values()] == [False, True]
        assert not await PermissionRequest.objects.filter(status="PENDING").aexists()


class TestAnotherWorker:
    async def test_delivers_nothing_twice_and_reads_on(self, stage: Stage) -> None:
        stage.player.acts = [[text("so far")]]
        job = await stage.asend("one")
        async with stage.playing(job):
            await stage.until("assistant.text")

        async with stage.playing(job) as task:
            await eventually(lambda: len(stage.agent.sent) == 3)  # two handshakes, one message
            stage.guest.print(stage.run_name, *stage.player.lines(text("at last"), result(stage.player.prompt_ids[0])))
            await task
        job = await stage.reread(job)

        assert (job.status, stage.player.prompts) == ("COMPLETED", ["one"])
        assert [event["text"] for event in await stage.events("assistant.text")] == ["so far", "at last"]

    async def test_ends_the_one_that_was_taken_for_dead(self, stage: Stage) -> None:
        stage.player.acts = [[text("so far")]]
        job = await stage.asend()
        async with stage.playing(job) as zombie:
            await stage.until("assistant.text")
            async with stage.playing(job):
                await eventually(zombie.done)

                assert "taken over" in str(zombie.exception())
                assert stage.player.interrupts == 0

    async def test_only_saves_what_had_come_to_its_end(self, stage: Stage) -> None:
        stage.player.acts = [lambda id: [result(id)]]
        job = await stage.asend()
        async with stage.playing(job):
            await stage.until("turn.completed")
        await AgentSession.objects.filter(pk=stage.session.pk).aupdate(status="RUNNING")
        await type(job).objects.filter(pk=job.pk).aupdate(status="PROCESSING")

        job = await stage.play(job)

        assert (job.status, len(stage.player.prompts), len(await stage.events("turn.completed"))) == ("COMPLETED", 1, 1)
        assert job.result == (await stage.events("turn.completed"))[0]

    async def test_goes_on_after_the_database_was_lost(self, stage: Stage) -> None:
        stage.player.acts = [[text("so far")]]
        job = await stage.asend("one")
        async with await psycopg.AsyncConnection.connect(django_conninfo()) as other:
            async with stage.playing(job) as task:
                await stage.until("assistant.text")
                await other.execute(
                    "select 1 from agent_sessions_agentsession where id = %s for update", [stage.session.pk]
                )
                stage.guest.print(
                    stage.run_name, *stage.player.lines(text("at last"), result(stage.player.prompt_ids[0]))
                )
                await end_waiting_writer(other)
                with pytest.raises(DATABASE_LOST):
                    await task
            await other.rollback()

        job = await stage.play(job)

        assert (job.status, stage.player.prompts) == ("COMPLETED", ["one"])
        assert [event["text"] for event in await stage.events("assistant.text")] == ["so far", "at last"]


async def end_waiting_writer(other: psycopg.AsyncConnection[Any]) -> None:
    """Cut the connection on which the log is being written just now."""
    waits = "query like '%%agent_sessions_%%' and wait_event_type = 'Lock'"
    statement = f"select pg_terminate_backend(pid) from pg_stat_activity where {waits}"
    for _ in range(500):
        if await (await other.execute(statement)).fetchall():
            return
        await other.execute("select pg_sleep(0.02)")
    raise AssertionError("nobody waits for the session's row")


class TestPermissions:
    async def test_are_shown_and_answered_once(self, stage: Stage) -> None:
        stage.player.acts = [[asks("r1")]]
        stage.player.after_answer = [text("thanks")]
        job = await stage.asend()

        async with stage.playing(job) as task:
            await stage.until("permission.requested")
            await stage.until("session.status", 2)
            await stage.answer()
            await stage.until("assistant.text")
            stage.guest.print(stage.run_name, *stage.player.lines(result(stage.player.prompt_ids[0])))
            await task
        job = await stage.reread(job)

        assert job.status == "COMPLETED"
        assert [answer["response"] for answer in stage.player.answers] == [{"behavior": "allow"}]
        shown = [event["status"] for event in await stage.events("session.status")]
        assert shown == ["RUNNING", "WAITING_INPUT", "RUNNING", "COMPLETED"]

    async def test_asked_again_after_a_crash_are_one(self, stage: Stage) -> None:
        stage.player.acts = [[asks("r1")]]
        stage.player.waiting = []
        job = await stage.asend()
        async with stage.playing(job):
            await stage.until("permission.requested")
        await stage.answer("deny", reason="no")
        stage.player.waiting = [asks("r1")]
        stage.player.after_answer = [result(str(job.message.pk))]

        job = await stage.play(job)

        assert job.status == "COMPLETED"
        assert len(await stage.events("permission.requested")) == 1
        assert [answer["response"]["message"] for answer in stage.player.answers] == ["no"]

    async def test_nobody_has_answered_end_with_the_turn(self, stage: Stage) -> None:
        stage.player.acts = [lambda id: [asks("r1"), result(id)]]

        job = await stage.play(await stage.asend())

        assert (job.status, stage.session.status) == ("COMPLETED", "COMPLETED")
        assert (await PermissionRequest.objects.aget()).status == "CANCELLED"
        assert (await stage.events("permission.resolved"))[0]["status"] == "CANCELLED"

    async def test_answered_too_late_do_not_reach_the_next_process(self, stage: Stage) -> None:
        stage.player.acts = [[asks("r1")]]
        job = await stage.asend()
        async with stage.playing(job):
            await stage.until("permission.requested")
        await stage.answer()
        stage.guest.end_agent(stage.run_name)
        await stage.play(job)

        await stage.play(await stage.asend("again"))

        assert stage.player.answers == []

    async def test_that_we_do_not_know_are_refused(self, stage: Stage) -> None:
        odd = {"type": "control_request", "request_id": "odd", "request": {"subtype": "mcp_message"}}
        stage.player.acts = [[odd]]
        job = await stage.asend()
        stage.player.after_answer = [result(str(job.message.pk))]

        job = await stage.play(job)

        assert job.status == "COMPLETED"
        assert stage.player.answers[0] == {"subtype": "error", "request_id": "odd", "error": "Not supported here."}


class TestTheCheckpoint:
    @pytest.mark.parametrize("failure", [GitFailed("no space"), OSError(28, "No space left on device")])
    async def test_that_fails_is_told_and_does_not_fail_the_turn(self, stage: Stage, failure: Exception) -> None:
        await stage.play(await stage.asend())
        stage.guest.next_snapshot = failure

        job = await stage.play(await stage.asend())

        assert job.status == "COMPLETED"
        (notice,) = await stage.events("agent.notice")
        assert notice["level"] == "error"
        assert "could not be saved" in notice["text"]

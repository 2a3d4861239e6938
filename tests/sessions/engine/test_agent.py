"""The agent's process as a turn sees it: interrupted, cancelled, replaced, and changing its mode by itself."""

from __future__ import annotations

import asyncio
import signal
from datetime import timedelta
from types import ModuleType
from typing import Any

import pytest
from channels.db import database_sync_to_async as in_db
from django.utils import timezone

from environments.models import Machine
from gateway import services as gateway
from gateway.models import GatewayToken
from sessions import services
from sessions.engine import agent, turns
from tests.sessions.stage import INTERRUPTED, Stage, begins, eventually, result, text


def counting(monkeypatch: pytest.MonkeyPatch, module: ModuleType, name: str) -> list[None]:
    """One entry for each call of a function from now on, which does what it did."""
    calls: list[None] = []
    function = getattr(module, name)

    def count(*given: Any, **named: Any) -> Any:
        calls.append(None)
        return function(*given, **named)

    monkeypatch.setattr(module, name, count)
    return calls


class TestInterrupting:
    async def test_ends_the_turn_without_failing_it(self, stage: Stage) -> None:
        stage.player.acts = [[text("so far")]]
        job = await stage.asend()

        async with stage.playing(job) as task:
            await stage.until("assistant.text")
            await in_db(services.interrupt)(session=stage.session, now=timezone.now())
            await task
        job = await stage.reread(job)

        assert (job.status, stage.session.status, stage.player.interrupts) == ("COMPLETED", "COMPLETED", 1)

    async def test_is_no_failure_either_when_another_worker_sees_the_end(self, stage: Stage) -> None:
        stage.player.acts = [[text("so far")]]
        stage.player.on_interrupt = lambda: []
        job = await stage.asend()
        async with stage.playing(job):
            await stage.until("assistant.text")
            await in_db(services.interrupt)(session=stage.session, now=timezone.now())
            await eventually(lambda: stage.player.interrupts == 1)
        stage.guest.print(stage.run_name, *stage.player.lines(result(stage.player.prompt_ids[0], **INTERRUPTED)))
        stage.guest.end_agent(stage.run_name)

        job = await stage.play(job)

        assert (job.status, stage.session.status, stage.player.interrupts) == ("COMPLETED", "COMPLETED", 1)


class TestCancelling:
    async def test_interrupts_first(self, stage: Stage) -> None:
        stage.player.acts = [[text("so far")]]
        job = await stage.asend()

        async with stage.playing(job) as task:
            await stage.until("assistant.text")
            await in_db(services.cancel)(session=stage.session, now=timezone.now())
            await task
        job = await stage.reread(job)

        assert (job.status, stage.session.status) == ("CANCELLED", "COMPLETED")
        assert (stage.player.interrupts, stage.guest.signals) == (1, [])

    async def test_goes_on_to_term_and_kill(self, stage: Stage) -> None:
        stage.player.acts = [[text("so far")]]
        stage.player.on_interrupt = lambda: []
        job = await stage.asend()

        async with stage.playing(job) as task:
            await stage.until("assistant.text")
            stage.guest.shrugs_off = {signal.SIGTERM}
            await in_db(services.cancel)(session=stage.session, now=timezone.now())
            await task
        job = await stage.reread(job)

        assert (job.status, stage.session.status) == ("CANCELLED", "COMPLETED")
        assert stage.guest.signals == [signal.SIGTERM, signal.SIGKILL]
        assert len(await stage.events("checkpoint.created")) == 1

    async def test_before_the_agent_has_the_message_keeps_it_from_it(self, stage: Stage) -> None:
        async def cancel() -> None:
            await in_db(services.cancel)(session=stage.session, now=timezone.now())

        stage.backend.on_open = cancel

        job = await stage.play(await stage.asend())

        assert (job.status, stage.session.status) == ("CANCELLED", "COMPLETED")
        assert stage.player.prompts == []

    async def test_deleting_ends_the_turn_at_once(self, stage: Stage) -> None:
        stage.player.acts = [[text("so far")]]
        job = await stage.asend()

        async with stage.playing(job) as task:
            await stage.until("assistant.text")
            await in_db(services.delete_session)(session=stage.session, now=timezone.now())
            await eventually(task.done)

            assert "taken over" in str(task.exception())


class TestTheTokenOfARunningAgent:
    async def test_lives_again_when_the_clock_has_jumped_over_its_end(
        self, stage: Stage, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(agent, "CLOCK_S", 0.02)
        stage.player.acts = [[text("so far")]]
        async with stage.playing(await stage.asend("one")):
            await stage.until("assistant.text")
            await GatewayToken.objects.aupdate(expires_at=timezone.now() - timedelta(days=1))
            monkeypatch.setattr(agent, "_ahead", lambda: 86_400.0)

            for _ in range(500):
                if await GatewayToken.objects.live(timezone.now()).aexists():
                    return
                await asyncio.sleep(0.01)
        raise AssertionError("it stays dead")

    async def test_is_extended_once_when_the_next_turn_finds_it(
        self, stage: Stage, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        asked = counting(monkeypatch, gateway, "extend_tokens")

        await stage.play(await stage.asend("one"))
        assert not asked  # it is new

        await stage.play(await stage.asend("two"))
        assert len(asked) == 1


class TestTheNextProcess:
    async def test_has_a_token_when_the_old_one_has_run_out(self, stage: Stage) -> None:
        await stage.play(await stage.asend("one"))
        await GatewayToken.objects.aupdate(expires_at=timezone.now())
        stage.backend.has_transcript = True

        job = await stage.play(await stage.asend("two"))

        assert (job.status, len(stage.guest.agents)) == ("COMPLETED", 2)
        assert "--resume" in stage.agent.argv
        assert await GatewayToken.objects.live(timezone.now()).acount() == 1

    async def test_has_a_token_of_the_place_where_the_session_works(self, stage: Stage) -> None:
        await stage.play(await stage.asend("one"))

        token = await GatewayToken.objects.aget()
        assert token.place_id is not None
        assert token.place_id == (await Machine.objects.aget()).environment_id

    @pytest.mark.parametrize("does_leave", [True, False])
    async def test_has_the_options_that_were_changed(self, stage: Stage, does_leave: bool) -> None:
        await stage.play(await stage.asend("one"))
        stage.player.does_leave = does_leave
        await in_db(services.update_session)(session=stage.session, model="opus", now=timezone.now())

        job = await stage.play(await stage.asend("two"))

        assert job.status == "COMPLETED"
        assert [agent.is_alive for agent in stage.guest.agents.values()] == [False, True]
        assert stage.agent.argv[stage.agent.argv.index("--model") + 1] == "opus"
        assert await GatewayToken.objects.live(timezone.now()).acount() == 1


class TestThePermissionMode:
    async def test_is_not_noted_when_it_is_what_the_process_was_given(
        self, stage: Stage, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        noted = counting(monkeypatch, turns, "note_mode")
        stage.player.acts = [lambda id: [begins(), result(id)]] * 2

        for words in ("one", "two"):
            await stage.play(await stage.asend(words))

        assert not noted

    async def test_follows_the_agent_also_at_the_very_end(self, stage: Stage) -> None:
        stage.player.acts = [lambda id: [mode("plan"), mode("acceptEdits"), result(id)]]

        await stage.play(await stage.asend("one"))
        await stage.play(await stage.asend("two"))

        assert stage.session.permission_mode == "acceptEdits"
        assert len(stage.guest.agents) == 1

    async def test_stays_what_somebody_chose_meanwhile(self, stage: Stage) -> None:
        stage.player.acts = [[text("so far")]]
        job = await stage.asend()

        async with stage.playing(job) as task:
            await stage.until("assistant.text")
            await in_db(services.update_session)(
                session=stage.session, permission_mode="bypassPermissions", now=timezone.now()
            )
            stage.guest.print(stage.run_name, *stage.player.lines(mode("plan"), result(stage.player.prompt_ids[0])))
            await task
        await stage.reread(job)

        assert stage.session.permission_mode == "bypassPermissions"


def mode(name: str) -> dict[str, Any]:
    return {"type": "system", "subtype": "status", "status": None, "permissionMode": name}

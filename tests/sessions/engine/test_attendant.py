"""What people want of a running agent reaches it at once, and what it refuses is shown."""

from __future__ import annotations

import asyncio
from typing import Any

from channels.db import database_sync_to_async as in_db
from django.db import transaction
from django.utils import timezone

from sessions import services
from sessions.engine import wishes
from sessions.models import AgentSession, Job, PermissionRule
from tests.sessions.stage import INTERRUPTED, Stage, eventually, result, text


async def change(stage: Stage, **fields: Any) -> None:
    session = await AgentSession.objects.aget(pk=stage.session.pk)
    await in_db(services.update_session)(session=session, now=timezone.now(), **fields)


async def finish(stage: Stage) -> None:
    stage.guest.print(stage.run_name, *stage.player.lines(result(stage.player.prompt_ids[-1])))


def ran(command: str, arguments: str) -> dict[str, Any]:
    """What the CLI says when it has carried out a slash command by itself."""
    message = {"id": "local", "model": "<synthetic>", "content": [{"type": "text", "text": "done"}]}
    run = {"command": command, "args": arguments}
    return {"type": "assistant", "message": message, "parent_tool_use_id": None, "local_command_run": run}


class TestSwitching:
    async def test_model_and_mode_reach_the_agent_in_mid_turn(self, stage: Stage) -> None:
        stage.player.acts = [[text("so far")]]
        job = await stage.asend()

        async with stage.playing(job) as task:
            await stage.until("assistant.text")
            await change(stage, model="haiku", permission_mode="plan")
            await eventually(lambda: len(stage.player.settings) == 2)
            for _ in range(200):
                await stage.reread(job)
                if stage.session.agent_options["model"] == "haiku":
                    break
                await stage.until("assistant.text")
            await finish(stage)
            await task
        await stage.reread(job)

        asked = [(setting["subtype"], setting.get("model") or setting.get("mode")) for setting in stage.player.settings]
        assert asked == [("set_model", "haiku"), ("set_permission_mode", "plan")]
        assert (stage.session.model, stage.session.permission_mode) == ("haiku", "plan")

    async def test_model_that_a_slash_command_chose_is_shown_and_kept(self, stage: Stage) -> None:
        stage.player.acts = [lambda id: [ran("model", "haiku"), result(id)], lambda id: [ran("model", "x"), result(id)]]

        for words in ("/model haiku", "/model x", "go"):
            await stage.play(await stage.asend(words))

        assert (stage.session.model, stage.session.agent_options["model"]) == ("haiku", "haiku")
        assert [event["changes"] for event in await stage.events("session.changed")] == [{"model": "haiku"}]
        assert (stage.player.settings, len(stage.guest.agents)) == ([], 1)

    async def test_refusal_is_told_and_the_true_model_shown(self, stage: Stage) -> None:
        stage.player.acts = [[text("so far")]]
        stage.player.refusal = {"subtype": "error", "error": "Model not found"}
        before = stage.session.model
        job = await stage.asend()

        async with stage.playing(job) as task:
            await stage.until("assistant.text")
            await change(stage, model="haiku")
            await stage.until("agent.notice")
            await finish(stage)
            await task
        await stage.reread(job)

        (notice,) = await stage.events("agent.notice")
        assert stage.session.model == before
        assert "haiku" in notice["text"]
        assert {"model": before} in [event["changes"] for event in await stage.events("session.changed")]

    async def test_rule_that_was_added_elsewhere_holds_at_once(self, stage: Stage) -> None:
        stage.player.acts = [[text("so far")]]
        job = await stage.asend()

        async with stage.playing(job):
            await stage.until("assistant.text")
            await PermissionRule.objects.acreate(
                organization_id=stage.session.organization_id, project=stage.project, rule="Bash(ls)"
            )
            await eventually(lambda: bool(stage.player.settings))

        assert stage.player.settings[0]["settings"] == {"permissions": {"allow": ["Bash(ls)"]}}


class TestRules:
    async def test_are_given_to_each_process_and_taken_by_a_new_one(self, stage: Stage) -> None:
        rule = await PermissionRule.objects.acreate(
            organization_id=stage.session.organization_id, project=stage.project, rule="Bash(ls)"
        )
        await stage.play(await stage.asend("one"))
        first = stage.agent.argv
        await rule.adelete()
        await stage.play(await stage.asend("two"))

        assert any("Bash(ls)" in argument for argument in first)
        assert not any("Bash(ls)" in argument for argument in stage.agent.argv)
        assert len(stage.guest.agents) == 2


@transaction.atomic
def urgent(stage: Stage, *texts: str) -> None:
    """Messages that are to go at once, sent at the same time."""
    for words in texts:
        services.send_message(session=stage.session, author=stage.owner, text=words, is_urgent=True, now=timezone.now())


class TestUrgent:
    async def test_message_interrupts_what_runs_and_goes_first(self, stage: Stage) -> None:
        stage.player.acts = [[text("so far")]]
        stage.player.on_interrupt = lambda: [result(stage.player.prompt_ids[0], **INTERRUPTED)]
        first = await stage.asend("one")

        async with stage.playing(first) as task:
            await stage.until("assistant.text")
            waiting = await stage.asend("two")
            sent = await in_db(services.send_message)(
                session=stage.session, author=stage.owner, text="now", is_urgent=True, now=timezone.now()
            )
            await task
        await stage.play(waiting)

        jobs = [await Job.objects.aget(pk=job.pk) for job in (first, sent.job, waiting)]
        assert [job.status for job in jobs] == ["COMPLETED"] * 3
        assert stage.player.prompts == ["one", "now", "two"]
        assert stage.player.interrupts == 1

    async def test_message_is_not_interrupted_by_the_next_one_that_waited_with_it(self, stage: Stage) -> None:
        stage.player.acts = [[text("so far")], [text("first")]]
        stage.player.on_interrupt = lambda: [result(stage.player.prompt_ids[-1], **INTERRUPTED)]
        job = await stage.asend("one")

        async with stage.playing(job):
            await stage.until("assistant.text")
            await in_db(urgent)(stage, "now", "and now")
            await stage.until("assistant.text", 2)
            await asyncio.sleep(2 * wishes.WISH_S)
            interrupts = stage.player.interrupts
            await finish(stage)
            await stage.until("turn.completed", 3)

        assert stage.player.prompts == ["one", "now", "and now"]
        assert interrupts == 1


class TestTitle:
    async def test_is_asked_for_with_the_first_message_and_kept(self, stage: Stage) -> None:
        stage.player.title = "Count words"
        stage.player.acts = [[text("so far")]]
        job = await stage.asend("Write a program that counts words")

        async with stage.playing(job) as task:
            await stage.until("session.changed")
            await finish(stage)
            await task
        await stage.reread(job)

        assert stage.session.title == "Count words"

"""A session taken to another environment: with its tree and conversation, whatever dies on the way, or not at all."""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from datetime import timedelta

import pytest
from channels.db import database_sync_to_async as in_db
from django.utils import timezone

from accounts.errors import Invalid
from environments.models import Environment, Machine
from sandbox import Phase
from sandbox.errors import GitFailed
from sandbox.spec import LocalSpec
from sandbox.testing import ScriptedSandbox
from sessions import dispatch, services
from sessions.engine import lifecycle, moving
from sessions.errors import AtWork, CommandIdTaken
from sessions.models import AgentSession, Move
from tests.sessions.resting import forget_tasks, play, tasks
from tests.sessions.stage import Stage, asks

RECORD = b'{"type":"user"}\n'


async def elsewhere(stage: Stage, name: str = "elsewhere") -> Environment:
    return await Environment.objects.acreate(organization_id=stage.session.organization_id, name=name, kind="HOST")


async def ask(stage: Stage, to: Environment, key: uuid.UUID | None = None) -> Move:
    made: Move = await in_db(services.move_session)(
        session=stage.session, environment=to, by=stage.owner, key=key, now=timezone.now()
    )
    return made


async def worked(stage: Stage) -> str:
    """A turn, after which the tree has changes; the path of the agent's record."""
    await play(stage, "one")
    stage.guest.next_snapshot = (stage.session.base_commit, True, b"")
    path = f"/home/agent/.claude/projects/-workspace/{stage.session.claude_session_id}.jsonl"
    stage.guest.files[path] = RECORD
    return path


class TestMove:
    async def test_saves_stops_and_goes_on_there(self, stage: Stage) -> None:
        path, to = await worked(stage), await elsewhere(stage)
        move, known = await ask(stage, to), stage.session.claude_session_id

        await moving.move(stage.session.pk)
        old = stage.sandbox
        await stage.session.arefresh_from_db()
        machine = await Machine.objects.aget()
        job = await stage.play(await stage.asend("two"))

        assert (old.phase, machine.status, machine.cleared_at is not None) == (Phase.GONE, "STOPPED", True)
        assert stage.session.environment_id == to.pk
        assert stage.session.head_commit == stage.session.base_commit
        assert (job.status, stage.session.claude_session_id) == ("COMPLETED", known)
        assert stage.sandbox is not old
        assert stage.guest.files[path] == RECORD
        assert f"--resume {known}" in " ".join(stage.agent.argv)
        assert "moved to another machine" in stage.player.prompts[-1]
        (told,) = await stage.events("session.moved")
        assert told == {
            "move_id": str(move.pk),
            "by": {"id": str(stage.owner.pk), "name": stage.owner.display_name},
            "from": "This machine",
            "to": "elsewhere",
            "error": "",
        }
        assert {"environment_id": str(to.pk), "environment_name": "elsewhere"} in [
            event["changes"] for event in await stage.events("session.changed")
        ]

    async def test_goes_to_a_home_of_its_own_there_and_back(self, stage: Stage) -> None:
        await worked(stage)
        first = await Environment.objects.aget()
        for to in (await elsewhere(stage), first):
            await ask(stage, to)
            await moving.move(stage.session.pk)
            await play(stage)

        homes = [machine.home_id async for machine in Machine.objects.order_by("pk")]
        assert len(set(homes)) == 3
        assert [machine.cleared_at is None async for machine in Machine.objects.order_by("pk")] == [False, False, True]

    async def test_needs_no_sandbox(self, stage: Stage) -> None:
        await worked(stage)
        await lifecycle.stop_session(stage.session.pk)
        await ask(stage, await elsewhere(stage))

        await moving.move(stage.session.pk)

        assert (await Move.objects.aget()).status == "DONE"
        assert len(stage.backend.made) == 1

    async def test_saves_what_a_lost_sandbox_has_left(self, stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
        await worked(stage)
        stage.sandbox.crash()
        await AgentSession.objects.aupdate(head_commit="")
        await ask(stage, await elsewhere(stage))
        plain, files = stage.backend.open, (stage.session.base_commit, True, b"")

        async def open_again(spec: LocalSpec) -> ScriptedSandbox:
            made = await plain(spec)
            made.guest.next_snapshot = files
            return made

        monkeypatch.setattr(stage.backend, "open", open_again)
        await moving.move(stage.session.pk)
        await stage.session.arefresh_from_db()

        homes = {machine.home_id async for machine in Machine.objects.all()}
        assert ((await Move.objects.aget()).status, len(stage.backend.made), homes) == ("DONE", 2, {stage.session.pk})
        assert (stage.session.head_commit, stage.session.git_status) == (stage.session.base_commit, "DIRTY")

    async def test_that_cannot_be_saved_stays_and_says_why(self, stage: Stage) -> None:
        await worked(stage)
        stage.guest.next_snapshot = GitFailed("No space left.")
        await ask(stage, await elsewhere(stage))

        await moving.move(stage.session.pk)
        await stage.session.arefresh_from_db()
        job = await stage.play(await stage.asend("two"))

        assert ((await Move.objects.aget()).status, stage.sandbox.phase) == ("FAILED", Phase.RUNNING)
        (told,) = await stage.events("session.moved")
        assert told["error"].startswith("The session could not be moved: ")
        assert (job.status, len(stage.backend.made), stage.session.home_id) == ("COMPLETED", 1, None)

    @pytest.mark.parametrize("at", ["vault.imported", "saving.saved", "move.saved", "move.stopped", "move.done"])
    async def test_is_done_once_whatever_dies(self, stage: Stage, at: str) -> None:
        path, to = await worked(stage), await elsewhere(stage)
        await ask(stage, to)
        with stage.dying_at(at), contextlib.suppress(asyncio.CancelledError):
            await moving.move(stage.session.pk)

        await moving.move(stage.session.pk)
        await stage.session.arefresh_from_db()
        job = await stage.play(await stage.asend("two"))

        assert (stage.session.environment_id, (await Move.objects.aget()).status) == (to.pk, "DONE")
        assert len(await stage.events("session.moved")) == 1
        assert [machine.status async for machine in Machine.objects.order_by("pk")] == ["STOPPED", "RUNNING"]
        assert (job.status, stage.guest.files[path]) == ("COMPLETED", RECORD)

    async def test_is_rescued_when_its_task_is_lost(self, stage: Stage) -> None:
        await worked(stage)
        await ask(stage, await elsewhere(stage))
        await in_db(forget_tasks)()

        now = timezone.now()
        found = [await in_db(dispatch.rescue_moves)(now=now + timedelta(seconds=late)) for late in (0, 60, 60)]

        assert (found, await in_db(tasks)()) == ([0, 1, 0], ["sessions.move"])


class TestMoveSession:
    async def test_is_repeated_by_its_id(self, stage: Stage) -> None:
        to, key = await elsewhere(stage), uuid.uuid4()

        made = [await ask(stage, to, key) for _ in range(2)]

        assert (made[0].pk, made[1].pk, await in_db(tasks)()) == (key, key, ["sessions.move"])
        with pytest.raises(CommandIdTaken):
            await ask(stage, await elsewhere(stage, "third"), key)

    async def test_waits_for_no_turn(self, stage: Stage) -> None:
        to = await elsewhere(stage)
        stage.player.acts = [[asks("r1")]]
        async with stage.playing(await stage.asend()):
            await stage.until("permission.requested")
            with pytest.raises(AtWork):
                await ask(stage, to)

    async def test_is_one_at_a_time(self, stage: Stage) -> None:
        await ask(stage, await elsewhere(stage))

        with pytest.raises(AtWork, match="being moved already"):
            await ask(stage, await elsewhere(stage, "third"))

    async def test_goes_to_another_place_of_the_same_organisation(self, stage: Stage) -> None:
        with pytest.raises(Invalid):
            await ask(stage, await Environment.objects.aget())
        assert not await AgentSession.objects.filter(home_id__isnull=False).aexists()

"""Stopping sessions and clearing up after deleted ones, in whatever state they are."""

from __future__ import annotations

from datetime import timedelta

import pytest
from channels.db import database_sync_to_async as in_db
from django.utils import timezone
from pytest_django.fixtures import Settings

from environments import specs
from environments.models import Machine
from gateway.models import GatewayToken
from sandbox import Phase, Sandbox
from sandbox.errors import GitFailed, NotARepository, SandboxError
from sessions import services
from sessions.engine import lifecycle, machines
from sessions.models import AgentRecord, AgentSession, PermissionRequest
from sessions.upkeep import orphans
from tests.sessions.stage import Stage, asks


async def _refuses(*_: object, **__: object) -> None:
    raise SandboxError("The machine cannot be reached.")


class TestStopSession:
    async def test_saves_the_tree_and_ends_sandbox_and_token(self, stage: Stage) -> None:
        await stage.play(await stage.asend())
        stage.guest.next_snapshot = (stage.session.base_commit, True, b"")

        await lifecycle.stop_session(stage.session.pk)
        await stage.session.arefresh_from_db()

        assert (stage.session.status, stage.session.git_status, stage.session.machine_id) == ("STOPPED", "DIRTY", None)
        assert stage.session.head_commit == stage.session.base_commit
        assert (stage.sandbox.phase, (await Machine.objects.aget()).status) == (Phase.STOPPED, "STOPPED")
        assert not await GatewayToken.objects.live(timezone.now()).aexists()

    async def test_ends_the_background_tasks_too(self, stage: Stage) -> None:
        await stage.play(await stage.asend())
        await AgentSession.objects.aupdate(background=[{"id": "b1", "kind": "command", "description": "tests"}])

        await lifecycle.stop_session(stage.session.pk)
        await stage.session.arefresh_from_db()

        assert stage.session.background == []
        assert {"background": []} in [event["changes"] for event in await stage.events("session.changed")]

    async def test_repeated_tells_it_once(self, stage: Stage) -> None:
        await stage.play(await stage.asend())

        for _ in range(2):
            await lifecycle.stop_session(stage.session.pk)

        assert [event["status"] for event in await stage.events("session.status")].count("STOPPED") == 1

    @pytest.mark.parametrize("is_silent", [True, False])
    async def test_is_refused_when_the_work_cannot_be_saved(self, stage: Stage, is_silent: bool) -> None:
        await stage.play(await stage.asend())
        stage.sandbox.phase = Phase.UNREACHABLE if is_silent else Phase.RUNNING
        stage.guest.next_snapshot = GitFailed()

        await lifecycle.stop_session(stage.session.pk)
        await stage.session.arefresh_from_db()

        assert (stage.session.status, stage.sandbox.phase is Phase.STOPPED) == ("ERROR", False)
        assert stage.session.status_reason.startswith("Not stopped: ")
        assert (stage.session.stop_refused_at is not None, (await Machine.objects.aget()).status) == (True, "RUNNING")
        assert "stop_refused_at" in (await stage.events("session.changed"))[-1]["changes"]

    @pytest.mark.parametrize("is_silent", [True, False])
    async def test_by_force_ends_it_all_the_same(self, stage: Stage, is_silent: bool) -> None:
        await stage.play(await stage.asend())
        stage.sandbox.phase = Phase.UNREACHABLE if is_silent else Phase.RUNNING
        stage.guest.next_snapshot = GitFailed()

        await lifecycle.stop_session(stage.session.pk, is_forced=True)
        await stage.session.arefresh_from_db()

        assert (stage.session.status, stage.session.stop_refused_at) == ("STOPPED", None)
        assert (stage.sandbox.phase, (await Machine.objects.aget()).status) == (Phase.STOPPED, "STOPPED")

    async def test_by_force_says_what_may_be_lost(self, stage: Stage) -> None:
        await stage.play(await stage.asend())
        stage.guest.next_snapshot = GitFailed("No space left on device.")

        for _ in range(2):
            await lifecycle.stop_session(stage.session.pk, is_forced=True)

        (told,) = [notice for notice in await stage.events("agent.notice") if "by force" in notice["text"]]
        assert (told["level"], "No space left on device." in told["text"]) == ("warning", True)

    async def test_by_force_gives_up_what_cannot_be_reached(
        self, stage: Stage, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await stage.play(await stage.asend("one"))
        old = stage.sandbox
        old.phase, plain = Phase.UNREACHABLE, old.stop
        monkeypatch.setattr(old, "stop", _refuses)

        await lifecycle.stop_session(stage.session.pk)
        await stage.session.arefresh_from_db()
        refused = stage.session.status_reason
        await lifecycle.stop_session(stage.session.pk, is_forced=True)
        await stage.session.arefresh_from_db()
        machine = await Machine.objects.aget()

        assert refused.startswith("Not stopped: ")
        assert (stage.session.status, stage.session.machine_id, machine.status) == ("STOPPED", None, "STOPPED")
        assert "ended when it can be reached" in machine.reason
        monkeypatch.setattr(old, "stop", plain)
        old.phase = Phase.RUNNING
        assert await orphans.end_orphans(now=timezone.now() + timedelta(minutes=1)) == 1
        assert old.phase is Phase.STOPPED

    async def test_is_refused_when_the_sandbox_cannot_be_ended(
        self, stage: Stage, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await stage.play(await stage.asend())
        monkeypatch.setattr(stage.sandbox, "stop", _refuses)

        await lifecycle.stop_session(stage.session.pk)
        await stage.session.arefresh_from_db()

        assert (stage.session.status, (await Machine.objects.aget()).status) == ("ERROR", "RUNNING")
        assert "could not be ended" in stage.session.status_reason

    async def test_tells_of_a_sandbox_that_had_ended_by_itself(self, stage: Stage) -> None:
        await stage.play(await stage.asend())
        stage.sandbox.crash()

        await lifecycle.stop_session(stage.session.pk)
        await stage.session.arefresh_from_db()

        assert (stage.session.status, (await Machine.objects.aget()).status) == ("STOPPED", "LOST")
        assert stage.session.status_reason == "The sandbox ended. The files are kept. Send a message to go on."

    async def test_ends_what_was_being_made_when_its_maker_died(self, stage: Stage) -> None:
        await stage.play(await stage.asend())
        await Machine.objects.aupdate(status="CREATING", handle={})

        await lifecycle.stop_session(stage.session.pk)

        assert (stage.sandbox.phase, (await Machine.objects.aget()).status) == (Phase.STOPPED, "STOPPED")

    async def test_of_a_worker_that_was_taken_for_dead_stops_no_later_turn(
        self, stage: Stage, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await stage.play(await stage.asend("one"))
        plain = machines.stop_sandbox

        async def frozen(sandbox: Sandbox, machine: Machine) -> None:
            await plain(sandbox, machine)
            monkeypatch.setattr(machines, "stop_sandbox", plain)
            await lifecycle.stop_session(stage.session.pk)  # another worker has the task by now
            await stage.play(await stage.asend("two"))

        monkeypatch.setattr(machines, "stop_sandbox", frozen)
        await lifecycle.stop_session(stage.session.pk)
        await stage.session.arefresh_from_db()

        assert (stage.session.status, stage.session.machine_id is not None) == ("COMPLETED", True)

    async def test_goes_on_after_a_refusal(self, stage: Stage) -> None:
        await stage.play(await stage.asend("one"))
        stage.guest.next_snapshot = GitFailed()
        await lifecycle.stop_session(stage.session.pk)
        stage.guest.next_snapshot = None

        job = await stage.play(await stage.asend("two"))

        assert (job.status, stage.session.stop_refused_at, len(stage.backend.made)) == ("COMPLETED", None, 1)

    async def test_has_nothing_to_save_where_no_turn_has_begun(self, stage: Stage) -> None:
        await stage.play(await stage.asend())
        stage.guest.next_snapshot = NotARepository()

        await lifecycle.stop_session(stage.session.pk)

        await stage.session.arefresh_from_db()
        assert stage.session.status == "STOPPED"

    async def test_takes_the_agents_record_along(self, stage: Stage) -> None:
        await stage.play(await stage.asend("one"))
        known = stage.session.claude_session_id
        path = f"/home/agent/.claude/projects/-workspace/{known}.jsonl"
        stage.guest.files[path] = b'{"type":"user"}\n' * 1000

        await lifecycle.stop_session(stage.session.pk)
        stage.guest.fail(None)
        await stage.play(await stage.asend("two"))

        assert stage.backend.made[0] is not stage.backend.made[1]
        assert stage.guest.files[path] == b'{"type":"user"}\n' * 1000
        assert f"--resume {known}" in " ".join(stage.agent.argv)
        assert not await AgentRecord.objects.aexists()

    async def test_needs_no_program_and_no_sandbox(self, stage: Stage, settings: Settings) -> None:
        await stage.play(await stage.asend())
        settings.CLAUDE_CLI = "/nowhere/claude"

        await lifecycle.stop_session(stage.session.pk)
        await AgentSession.objects.filter(pk=stage.session.pk).aupdate(environment=None, status="RUNNING")
        await lifecycle.stop_session(stage.session.pk)

        await stage.session.arefresh_from_db()
        assert (stage.session.status, stage.sandbox.phase) == ("STOPPED", Phase.STOPPED)

    async def test_withdraws_what_is_asked(self, stage: Stage) -> None:
        stage.player.acts = [[asks("r1")]]
        async with stage.playing(await stage.asend()):
            await stage.until("permission.requested")

        await lifecycle.stop_session(stage.session.pk)

        assert (await PermissionRequest.objects.aget()).status == "CANCELLED"

    async def test_starts_again_with_the_next_message(self, stage: Stage) -> None:
        await stage.play(await stage.asend("one"))
        await lifecycle.stop_session(stage.session.pk)

        job = await stage.play(await stage.asend("two"))

        assert (job.status, len(stage.backend.made)) == ("COMPLETED", 2)


class TestCleanupSession:
    async def test_removes_the_folder_whatever_is_in_it(self, stage: Stage) -> None:
        await stage.play(await stage.asend())
        await in_db(services.delete_session)(session=stage.session, now=timezone.now())
        folder = specs.home_folder(stage.session.pk)
        locked = folder / "work" / "locked"
        locked.mkdir(parents=True)
        (locked / "file").touch()
        (folder / "work" / "link").symlink_to("/")
        locked.chmod(0)

        await lifecycle.cleanup_session(stage.session.pk)

        assert not folder.exists()
        assert stage.sandbox.phase is Phase.GONE
        assert (await Machine.objects.aget()).cleared_at is not None

    async def test_leaves_one_alone_that_was_given_back(self, stage: Stage) -> None:
        await stage.play(await stage.asend())

        await lifecycle.cleanup_session(stage.session.pk)

        assert stage.sandbox.phase is Phase.RUNNING

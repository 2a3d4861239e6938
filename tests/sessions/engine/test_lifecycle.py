"""Stopping sessions and clearing up after deleted ones, in whatever state they are."""

from __future__ import annotations

from channels.db import database_sync_to_async as in_db
from django.utils import timezone
from pytest_django.fixtures import Settings

from environments import specs
from environments.models import Machine
from gateway.models import GatewayToken
from sandbox import Phase
from sandbox.errors import GitFailed
from sessions import services
from sessions.engine import lifecycle
from sessions.models import AgentSession, PermissionRequest
from tests.sessions.stage import Stage, asks


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

    async def test_ends_a_sandbox_that_does_not_answer(self, stage: Stage) -> None:
        await stage.play(await stage.asend())
        stage.sandbox.phase = Phase.UNREACHABLE

        await lifecycle.stop_session(stage.session.pk)

        assert (stage.sandbox.phase, (await Machine.objects.aget()).status) == (Phase.STOPPED, "STOPPED")

    async def test_needs_no_snapshot_no_program_and_no_sandbox(self, stage: Stage, settings: Settings) -> None:
        await stage.play(await stage.asend())
        settings.CLAUDE_CLI = "/nowhere/claude"
        stage.guest.next_snapshot = GitFailed()

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

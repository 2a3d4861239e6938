"""A session's sandbox: found, made, lost, silent; and the working tree in it."""

from __future__ import annotations

import asyncio

import pytest
from pytest_django.fixtures import Settings

from environments.models import Environment, Machine
from projects.errors import RejectedObjects
from sandbox import Phase
from sandbox.answers import GitState
from sandbox.errors import SandboxError
from sessions.engine import cli, machines
from sessions.models import AgentSession
from tests.sessions.stage import Stage, eventually

RESET = ["git", "reset", "--quiet", "HEAD^"]


async def statuses() -> list[str]:
    return [machine.status async for machine in Machine.objects.order_by("pk")]


class TestEnsureSandbox:
    async def test_names_the_machine_and_shows_vault_and_program_only(self, stage: Stage) -> None:
        await stage.play(await stage.asend())

        (spec,) = stage.backend.specs
        machine = await Machine.objects.aget()
        assert (machine.status, machine.handle) == ("RUNNING", stage.sandbox.handle)
        assert (spec.machine_id, stage.session.machine_id) == (str(machine.pk), machine.pk)
        assert [mount.target for mount in spec.mounts] == [str(stage.vault.objects_dir), str(cli.find_cli().parent)]

    async def test_goes_on_with_the_machine_whose_maker_died(self, stage: Stage) -> None:
        stage.backend.on_open = asyncio.Event().wait
        job = await stage.asend()
        async with stage.playing(job):
            await stage.until("job.status", 2)
            await eventually(lambda: stage.backend.opening == 1)
        stage.backend.on_open = None

        job = await stage.play(job)

        assert (job.status, await statuses()) == ("COMPLETED", ["RUNNING"])

    async def test_makes_another_one_when_it_is_lost(self, stage: Stage) -> None:
        await stage.play(await stage.asend("one"))
        stage.sandbox.crash()

        job = await stage.play(await stage.asend("two"))

        assert (job.status, await statuses()) == ("COMPLETED", ["LOST", "RUNNING"])
        assert len(stage.backend.made) == 2

    async def test_makes_another_one_when_its_handle_is_not_believed(self, stage: Stage) -> None:
        await stage.play(await stage.asend("one"))
        stage.sandbox.crash()
        stage.backend.refuses_handles = True

        job = await stage.play(await stage.asend("two"))

        assert (job.status, await statuses()) == ("COMPLETED", ["LOST", "RUNNING"])

    async def test_keeps_one_that_is_silent_and_says_so(self, stage: Stage) -> None:
        await stage.play(await stage.asend("one"))
        stage.sandbox.phase = Phase.UNREACHABLE

        job = await stage.play(await stage.asend("two"))
        stage.sandbox.phase = Phase.RUNNING
        after = await stage.play(await stage.asend("three"))

        assert (job.status, after.status, await statuses()) == ("FAILED", "COMPLETED", ["RUNNING"])
        assert "does not answer" in job.error

    async def test_says_that_the_disk_is_full(self, stage: Stage) -> None:
        stage.backend.refusal = OSError(28, "No space left on device")

        job = await stage.play(await stage.asend())

        assert (job.status, await statuses()) == ("FAILED", ["LOST"])
        assert job.error.startswith("The sandbox's disk is full: free space there")
        assert "Errno" not in job.error + (await Machine.objects.aget()).reason

    async def test_goes_on_elsewhere_when_the_environment_was_deleted(self, stage: Stage) -> None:
        ours = stage.session.organization_id
        gone = await Environment.objects.acreate(
            organization_id=ours, name="gone", kind="HOST", deleted_at=stage.session.created_at
        )
        await AgentSession.objects.filter(pk=stage.session.pk).aupdate(environment=gone)

        job = await stage.play(await stage.asend())

        told = [payload["text"] for payload in await stage.events("agent.notice")]
        session = await AgentSession.objects.select_related("environment").aget(pk=stage.session.pk)
        assert (job.status, session.environment and session.environment.is_default) == ("COMPLETED", True)
        assert told == ["The environment “gone” was deleted; “This machine” is used instead."]

    async def test_says_that_there_is_no_environment_left(self, stage: Stage) -> None:
        await Environment.objects.all().adelete()

        job = await stage.play(await stage.asend())

        assert "has no environment" in job.error


class TestEnsureWorkspace:
    async def test_begins_at_the_base(self, stage: Stage) -> None:
        await stage.play(await stage.asend())

        assert stage.guest.cloned is not None
        assert stage.guest.cloned["commit"] == stage.session.base_commit
        assert (stage.guest.cloned["branch"], RESET in stage.backend.commands) == (stage.session.branch, False)

    @pytest.mark.parametrize("is_dirty", [True, False])
    async def test_puts_changes_of_a_lost_sandbox_back(self, stage: Stage, is_dirty: bool) -> None:
        base = stage.session.base_commit
        stage.player.acts = [lambda id: stage.snapshot_is(base, is_dirty, id)]
        await stage.play(await stage.asend("one"))
        stage.sandbox.crash()

        await stage.play(await stage.asend("two"))

        assert stage.guest.cloned is not None
        assert stage.guest.cloned["commit"] == stage.session.head_commit == base
        assert (RESET in stage.backend.commands) is is_dirty

    async def test_leaves_a_tree_of_the_agents_own_making(self, stage: Stage) -> None:
        await stage.play(await stage.asend("one"))
        stage.guest.git, stage.guest.is_work_empty = GitState(head=None, is_dirty=True), False

        job = await stage.play(await stage.asend("two"))

        assert (job.status, stage.player.prompts) == ("COMPLETED", ["one", "two"])


class TestSnapshotToVault:
    async def test_takes_no_commit_that_the_sandbox_only_claims(self, stage: Stage) -> None:
        await stage.play(await stage.asend())
        stage.guest.next_snapshot = ("f" * 40, True, b"")

        with pytest.raises(RejectedObjects):
            await machines.snapshot_to_vault(
                stage.sandbox, project_id=stage.project.pk, ref="refs/sessions/x/y", message="m", known=[]
            )

        assert stage.vault.read_ref("refs/sessions/x/y") is None

    async def test_takes_no_more_than_the_limit(self, stage: Stage, settings: Settings) -> None:
        await stage.play(await stage.asend())
        stage.guest.next_snapshot = (stage.session.base_commit, True, b"x" * 100)
        settings.CLONE_MAX_BYTES = 99

        with pytest.raises(SandboxError, match="larger than the limit"):
            await machines.snapshot_to_vault(
                stage.sandbox, project_id=stage.project.pk, ref="refs/sessions/x/y", message="m", known=[]
            )

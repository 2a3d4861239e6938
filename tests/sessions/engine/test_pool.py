"""Warm sandboxes: kept at their number, given to one session each, ended when old, dead or too many."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from channels.db import database_sync_to_async as in_db
from django.utils import timezone

from accounts.auth import actor_for
from accounts.models import Organization
from environments import services as environments
from environments.models import Environment, Machine
from sandbox import Phase
from sandbox.errors import BackendUnavailable
from sandbox.testing import ScriptedSandbox
from sessions.engine import pool
from sessions.models import AgentSession
from sessions.upkeep import leftovers, orphans, pools
from tests.sessions.resting import forget_tasks, play, tasks
from tests.sessions.stage import Stage


async def keep(stage: Stage) -> list[str]:
    assert stage.session.environment_id is not None
    await pool.keep(stage.session.environment_id)
    return [machine.status async for machine in Machine.objects.order_by("pk")]


async def wanted(size: int) -> None:
    await Environment.objects.aupdate(config={"warm_pool": size})


class TestKeep:
    async def test_makes_what_is_missing_and_no_more(self, stage: Stage) -> None:
        none = await keep(stage)
        await wanted(1)

        assert (none, [await keep(stage) for _ in range(2)]) == ([], [["RUNNING"], ["RUNNING"]])
        machine = await Machine.objects.aget()
        assert (machine.subject_id, machine.home_id) == (None, machine.pk)
        (spec,) = stage.backend.specs
        assert [mount.target for mount in spec.mounts] == [str(spec.mounts[0].source)]

    async def test_ends_what_is_not_wanted_any_more(self, stage: Stage) -> None:
        await wanted(1)
        await keep(stage)
        await wanted(0)

        assert await keep(stage) == ["STOPPED"]
        assert (stage.sandbox.phase, (await Machine.objects.aget()).cleared_at is not None) == (Phase.GONE, True)

    async def test_renews_what_is_old_or_dead(self, stage: Stage) -> None:
        await wanted(1)
        await keep(stage)
        await Machine.objects.aupdate(created_at=timezone.now() - 2 * pool.OLD)
        old = await keep(stage)
        stage.sandbox.crash()

        assert (old, await keep(stage)) == (["STOPPED", "RUNNING"], ["STOPPED", "LOST", "RUNNING"])

    async def test_takes_over_what_its_maker_could_not_tell_of(self, stage: Stage) -> None:
        await wanted(1)
        await keep(stage)
        await Machine.objects.aupdate(status="CREATING", handle={})

        assert await keep(stage) == ["RUNNING"]
        assert (await Machine.objects.aget()).handle == stage.sandbox.handle

    async def test_says_nothing_to_people_when_there_is_no_room(self, stage: Stage) -> None:
        await wanted(1)
        stage.backend.refusal = BackendUnavailable("There is no room.", hint="Make some.")

        assert [await keep(stage) for _ in range(2)] == [[], []], "no row is left of what never was"

    async def test_makes_anew_what_was_made_of_something_else(self, stage: Stage) -> None:
        await wanted(1)
        await keep(stage)
        old = stage.sandbox
        await Environment.objects.aupdate(config={"warm_pool": 1, "mount_credentials": True})

        assert await keep(stage) == ["STOPPED", "RUNNING"]
        assert (old.phase, stage.sandbox.phase) == (Phase.GONE, Phase.RUNNING)

    async def test_ends_those_of_a_suspended_organisation(self, stage: Stage) -> None:
        await wanted(1)
        await keep(stage)
        await Organization.objects.aupdate(suspended_at=timezone.now())

        assert await keep(stage) == ["STOPPED"]
        assert await in_db(pool.to_keep)() == []

    @pytest.mark.parametrize("change", [{"config": {"warm_pool": 2}}, {"name": "other"}])
    async def test_is_looked_after_at_once_when_the_environment_was_changed(
        self, stage: Stage, change: dict[str, Any]
    ) -> None:
        id = stage.session.environment_id
        assert id is not None

        actor = await in_db(actor_for)(stage.owner)
        await in_db(environments.update_environment)(actor=actor, id=id, now=timezone.now(), **change)

        assert await in_db(tasks)() == (["sessions.keep_pool"] if "config" in change else [])

    async def test_ends_with_the_environment(self, stage: Stage) -> None:
        await wanted(1)
        await keep(stage)
        await Environment.objects.aupdate(is_default=False)
        id = stage.session.environment_id
        assert id is not None

        actor = await in_db(actor_for)(stage.owner)
        await in_db(environments.delete_environment)(actor=actor, id=id, now=timezone.now())

        assert await in_db(tasks)() == ["sessions.keep_pool"]
        assert await keep(stage) == ["STOPPED"]

    async def test_is_left_alone_by_the_reconciler(self, stage: Stage) -> None:
        await wanted(1)
        await keep(stage)
        later = timezone.now() + timedelta(minutes=5)

        ended = [await in_db(leftovers.end_machines)(now=later), await orphans.end_orphans(now=later)]

        assert (ended, await keep(stage)) == ([0, 0], ["RUNNING"])
        await in_db(forget_tasks)()
        await in_db(pools.keep)(now=later)
        assert await in_db(tasks)() == ["sessions.keep_pool"]


class TestTake:
    async def test_gives_it_to_one_session_which_clones_by_a_bundle(self, stage: Stage) -> None:
        await wanted(1)
        await keep(stage)
        warm = await Machine.objects.aget()

        job = await play(stage)
        machine = await Machine.objects.aget()

        assert (job.status, machine.pk, machine.subject_id) == ("COMPLETED", warm.pk, stage.session.pk)
        assert (stage.session.home_id, len(stage.backend.made)) == (warm.pk, 1)
        assert stage.guest.cloned is not None
        assert (stage.guest.cloned["alternates"], bool(stage.guest.cloned["bundle"])) == (None, True)

    async def test_makes_one_when_what_waited_has_ended(self, stage: Stage) -> None:
        await wanted(1)
        await keep(stage)
        stage.sandbox.crash()

        job = await play(stage)

        statuses = [machine.status async for machine in Machine.objects.order_by("pk")]
        assert (job.status, statuses) == ("COMPLETED", ["LOST", "RUNNING"])

    async def test_gives_away_nothing_that_was_made_of_something_else(self, stage: Stage) -> None:
        await wanted(1)
        await keep(stage)
        await Machine.objects.aupdate(made_of="something else")

        await play(stage)

        taken = await Machine.objects.aget(subject_id=stage.session.pk)
        assert (taken.home_id, await Machine.objects.filter(subject_id=None).acount()) == (stage.session.pk, 1)

    async def test_is_for_sessions_that_have_no_files_yet(self, stage: Stage) -> None:
        await play(stage)
        stage.sandbox.crash()
        await wanted(1)
        made: list[ScriptedSandbox] = stage.backend.made
        await keep(stage)

        await play(stage, "two")

        assert (await AgentSession.objects.aget()).home_id is None
        assert len(made) >= 2

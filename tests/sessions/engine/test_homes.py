"""Files that nobody needs any more: removed wherever they lie, as soon as the place can be reached, or told of."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from channels.db import database_sync_to_async as in_db
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from environments import services as environments
from environments.models import Environment, Machine
from sandbox import Phase
from sandbox.errors import SandboxError
from sandbox.testing import ScriptedSandbox
from sessions import services
from sessions.engine import homes, lifecycle, moving
from sessions.models import AgentSession
from sessions.upkeep import homes as upkeep
from tests.sessions.resting import forget_tasks, play, tasks
from tests.sessions.stage import Stage

LONG_AGO = timedelta(hours=1)


@contextmanager
def out_of_reach(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """While the block runs, nothing can be removed."""

    async def refuse(sandbox: ScriptedSandbox) -> None:
        raise SandboxError("The machine box.example cannot be reached.")

    with monkeypatch.context() as patch:
        patch.setattr(ScriptedSandbox, "destroy", refuse)
        yield


async def age() -> None:
    """All that has happened to machines was a while ago."""
    await Machine.objects.filter(stopped_at__isnull=False).aupdate(stopped_at=timezone.now() - LONG_AGO)
    await Machine.objects.filter(clear_tried_at__isnull=False).aupdate(clear_tried_at=timezone.now() - LONG_AGO)


async def queued() -> list[str]:
    """What the reconciler has workers do about homes."""
    await in_db(forget_tasks)()
    await in_db(upkeep.clear_left)(now=timezone.now())
    found: list[str] = await in_db(tasks)()
    return found


async def stopped(stage: Stage) -> Machine:
    """A session at rest, with files in its home."""
    await play(stage)
    await lifecycle.stop_session(stage.session.pk)
    await age()
    return await Machine.objects.select_related("environment").aget()


class TestLeft:
    async def test_is_not_what_a_session_may_go_on_with(self, stage: Stage) -> None:
        await stopped(stage)

        assert await queued() == []

    async def test_is_what_could_not_be_removed_after_a_move(
        self, stage: Stage, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        machine = await stopped(stage)
        to = await Environment.objects.acreate(
            organization_id=stage.session.organization_id, name="elsewhere", kind="HOST"
        )
        await in_db(services.move_session)(session=stage.session, environment=to, by=stage.owner, now=timezone.now())
        with out_of_reach(monkeypatch):
            await moving.move(stage.session.pk)
        await machine.arefresh_from_db()
        tried = (machine.cleared_at, machine.clear_error)

        assert (tried, await queued()) == ((None, "The machine box.example cannot be reached."), [])
        await age()
        assert await queued() == ["sessions.clear_left_homes"]
        assert [await homes.clear_left(machine.environment_id) for _ in range(2)] == [1, 0]
        assert (stage.sandbox.phase, await queued()) == (Phase.GONE, [])

    async def test_is_what_a_deleted_session_had_in_a_place_that_was_away(
        self, stage: Stage, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        machine = await stopped(stage)
        await in_db(services.delete_session)(session=stage.session, now=timezone.now())
        with out_of_reach(monkeypatch):
            await lifecycle.cleanup_session(stage.session.pk)
        kept = await queued()
        await AgentSession.with_deleted.aupdate(deleted_at=timezone.now() - LONG_AGO)
        await age()

        assert (kept, await queued()) == ([], ["sessions.clear_left_homes"])
        assert await homes.clear_left(machine.environment_id) == 1

    async def test_is_what_lies_in_an_environment_that_is_gone_for_good(self, stage: Stage) -> None:
        machine = await stopped(stage)
        await Environment.objects.aupdate(is_default=False, deleted_at=timezone.now())
        young = await queued()
        await Environment.with_deleted.aupdate(deleted_at=timezone.now() - LONG_AGO)

        assert await in_db(environments.purge_environments)(now=timezone.now()) == 0
        assert (young, await queued()) == ([], ["sessions.clear_left_homes"])
        assert await homes.clear_left(machine.environment_id) == 1
        assert await in_db(environments.purge_environments)(now=timezone.now()) == 1
        assert stage.sandbox.phase is Phase.GONE

    async def test_is_what_a_test_of_an_environment_could_not_remove(self, stage: Stage) -> None:
        machine = await stopped(stage)
        other = "0190aaaa-0000-7000-8000-000000000000"
        await Machine.objects.aupdate(subject_id=other, home_id=other)
        await AgentSession.objects.aupdate(machine=None)

        assert await homes.clear_left(machine.environment_id) == 1


class TestClearLeft:
    async def many(self, stage: Stage, count: int) -> Machine:
        """So many homes of sessions that are no more."""
        machine = await stopped(stage)
        await Machine.objects.aupdate(subject_id=None, home_id=machine.pk)
        for _ in range(count - 1):
            row = await Machine.objects.acreate(
                organization_id=machine.organization_id,
                environment=machine.environment,
                status="STOPPED",
                handle=machine.handle,
                started_at=machine.started_at,
                stopped_at=machine.stopped_at,
            )
            await Machine.objects.filter(pk=row.pk).aupdate(home_id=row.pk)
        return machine

    async def test_does_not_try_all_of_a_place_that_is_away(
        self, stage: Stage, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        machine = await self.many(stage, 6)

        with out_of_reach(monkeypatch):
            await homes.clear_left(machine.environment_id)
            first = {row.pk async for row in Machine.objects.filter(clear_tried_at__isnull=False)}
            await homes.clear_left(machine.environment_id)

        assert len(first) == homes.PATIENCE
        assert await Machine.objects.filter(clear_tried_at__isnull=False).acount() == 6, "the others have their turn"

    async def test_is_asked_for_by_as_many_queries_for_many(self, stage: Stage) -> None:
        machine = await self.many(stage, 2)

        def queries() -> int:
            with CaptureQueriesContext(connection) as captured:
                homes._left_in(machine.environment_id, timezone.now())
            return len(captured)

        few = await in_db(queries)()
        await self.more(machine)
        assert await in_db(queries)() == few

    async def more(self, machine: Machine) -> None:
        for _ in range(5):
            row = await Machine.objects.acreate(
                organization_id=machine.organization_id,
                environment=machine.environment,
                status="LOST",
                started_at=machine.started_at,
                stopped_at=machine.stopped_at,
            )
            await Machine.objects.filter(pk=row.pk).aupdate(home_id=row.pk)


class TestGiveUp:
    async def test_leaves_to_people_what_was_tried_for_a_month(
        self, stage: Stage, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        machine = await stopped(stage)
        await Machine.objects.aupdate(subject_id=None, home_id=machine.pk)
        with out_of_reach(monkeypatch):
            await homes.clear_left(machine.environment_id)
        now = timezone.now()

        given_up = [await in_db(upkeep.give_up)(now=now + timedelta(days=days)) for days in (29, 31, 31)]
        await machine.arefresh_from_db()
        await age()

        assert (given_up, machine.given_up_at is not None, await queued()) == ([0, 1, 0], True, [])

"""Sandboxes that run although no machine speaks of them: ended, or taken over; one place does not wait for another."""

from __future__ import annotations

import asyncio
import uuid
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from channels.db import database_sync_to_async as in_db
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from environments import specs
from environments.models import Environment, Machine
from sandbox import Phase, Sandbox
from sandbox.errors import BackendUnavailable
from sandbox.spec import LocalSpec
from sessions.dispatch import defer_turn
from sessions.models import Job
from sessions.upkeep import orphans
from tests.sessions.resting import play
from tests.sessions.stage import Stage


def later() -> datetime:
    return timezone.now() + timedelta(minutes=1)


class TestEndOrphans:
    async def test_ends_what_no_living_machine_speaks_of(self, stage: Stage) -> None:
        await play(stage)
        await Machine.objects.aupdate(status="LOST", stopped_at=timezone.now())

        young = await orphans.end_orphans(now=timezone.now())
        ended = [await orphans.end_orphans(now=later()) for _ in range(2)]

        assert (young, ended, stage.sandbox.phase) == (0, [1, 0], Phase.STOPPED)

    async def test_ends_what_has_no_row(self, stage: Stage) -> None:
        await play(stage)
        stage.backend.machine_ids[stage.sandbox.handle["id"]] = "somebody's"

        assert await orphans.end_orphans(now=timezone.now()) == 1
        assert stage.sandbox.phase is Phase.STOPPED

    async def test_leaves_what_is_in_use(self, stage: Stage) -> None:
        await play(stage)

        assert await orphans.end_orphans(now=later()) == 0
        assert stage.sandbox.phase is Phase.RUNNING

    async def test_takes_over_what_its_maker_could_not_tell_of(self, stage: Stage) -> None:
        await play(stage)
        await Machine.objects.aupdate(status="CREATING", handle={})

        taken = [await orphans.end_orphans(now=later()) for _ in range(2)]
        machine = await Machine.objects.aget()

        assert (taken, machine.status, machine.handle) == ([1, 0], "RUNNING", stage.sandbox.handle)

    async def test_leaves_what_somebody_is_making(self, stage: Stage) -> None:
        await play(stage)
        await Machine.objects.aupdate(status="CREATING", handle={})
        await in_db(defer_turn)(stage.session.pk, (await Job.objects.aget()).pk)

        assert await orphans.end_orphans(now=later()) == 0
        assert (await Machine.objects.aget()).status == "CREATING"

    async def test_asks_the_database_as_often_for_many_as_for_one(self, stage: Stage) -> None:
        await play(stage)
        machine = await Machine.objects.aget()

        def queries(ids: set[str]) -> int:
            with CaptureQueriesContext(connection) as captured:
                known = orphans._sorted(ids, later())
            assert known.living == {str(machine.pk)}
            return len(captured)

        many = {str(uuid.uuid4()) for _ in range(20)} | {"nobody's"}
        assert await in_db(queries)({str(machine.pk)}) == await in_db(queries)({str(machine.pk), *many})

    async def test_asks_each_place_and_waits_for_none(self, stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
        await play(stage)
        await Machine.objects.aupdate(status="LOST", stopped_at=timezone.now())
        for name in ("far", "refusing", "same"):
            other = await Environment.objects.acreate(
                organization_id=stage.session.organization_id, name=name, kind="HOST"
            )
            await Machine.objects.acreate(organization_id=other.organization_id, environment=other, status="STOPPED")
        asked: list[str] = []

        def elsewhere(environment: Environment, facts: specs.Facts) -> Any:
            spec: Any = plain(environment, facts)
            root = (
                spec.root if environment.name in ("same", "This machine") else spec.root.parent / environment.name / "x"
            )
            return replace(spec, root=root)

        async def running(spec: LocalSpec) -> dict[str, Sandbox]:
            asked.append(spec.root.parent.name)
            if spec.root.parent.name == "far":
                await asyncio.Event().wait()
            if spec.root.parent.name == "refusing":
                raise BackendUnavailable("The engine does not answer.", hint="Start it.")
            return await stage.backend.running(spec)

        plain = specs.place_spec
        monkeypatch.setattr(specs, "place_spec", elsewhere)
        monkeypatch.setattr(orphans, "running_sandboxes", running)
        monkeypatch.setattr(orphans, "ANSWER_S", 0.3)

        assert await orphans.end_orphans(now=later()) == 1
        assert sorted(asked) == ["far", "refusing", "sandboxes"]

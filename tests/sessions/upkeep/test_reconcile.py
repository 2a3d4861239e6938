"""All that is looked after: one failing step stops no other, and one server at a time does it."""

from __future__ import annotations

import asyncio
from datetime import datetime

import pytest
from psycopg_pool import AsyncConnectionPool

from sessions.log.writer import django_conninfo
from sessions.upkeep import reconcile
from tests.sessions.resting import play
from tests.sessions.stage import Stage


class TestASession:
    async def test_that_is_well_is_left_as_it_is(self, stage: Stage) -> None:
        await play(stage)

        found = {**await reconcile.look(), **await reconcile.mend()}

        assert found == dict.fromkeys([*reconcile.LOOKS, *reconcile.MENDS], 0)

    async def test_whose_sandbox_died_is_counted(self, stage: Stage) -> None:
        await play(stage)
        stage.sandbox.crash()

        assert (await reconcile.look())["deaths"] == 1


class TestAStepThatFails:
    async def test_stops_no_other(self, stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
        async def fail(now: datetime) -> int:
            raise OSError("no room")

        monkeypatch.setattr(reconcile, "MENDS", {"broken": fail, **reconcile.MENDS})

        assert list(await reconcile.mend()) == [*reconcile.MENDS][1:]


class TestKeep:
    async def test_looks_and_mends_at_once_and_only_one_server_does(
        self, stage: Stage, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        taken: list[str] = []
        is_first_at_work = asyncio.Event()

        async def look() -> dict[str, int]:
            taken.append("look")
            is_first_at_work.set()
            await asyncio.Event().wait()
            return {}

        monkeypatch.setattr(reconcile, "look", look)
        async with AsyncConnectionPool(django_conninfo(), min_size=2, max_size=2, open=False) as pool:
            first = asyncio.create_task(reconcile.keep(pool))
            await is_first_at_work.wait()
            async with reconcile._alone(pool) as is_alone:
                assert not is_alone
            first.cancel()
            await asyncio.gather(first, return_exceptions=True)
            async with reconcile._alone(pool) as is_alone:
                assert is_alone

        assert taken == ["look"]

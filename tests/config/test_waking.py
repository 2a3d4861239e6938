"""The worker sleeps as long as nothing is told: here it would for an hour, so that whatever runs was told of."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from procrastinate import App, PsycopgConnector, RetryStrategy
from procrastinate.jobs import Job, Notification

from config import waking
from sessions.log.writer import django_conninfo

pytestmark = pytest.mark.django_db(transaction=True)

AN_HOUR_S = 3600.0
LISTENERS = """
select pid from pg_stat_activity
where datname = current_database() and query like 'LISTEN %%' and state = 'idle'
"""


class Worker(waking.Worker):
    """Says when it was told."""

    def __init__(self, app: App) -> None:
        super().__init__(app, concurrency=2, install_signal_handlers=False)
        self.heard = asyncio.Event()

    async def _handle_notification(self, *, channel: str, notification: Notification) -> None:
        await super()._handle_notification(channel=channel, notification=notification)
        self.heard.set()


class Workshop:
    """Tasks that note that they began, and go on when they may."""

    def __init__(self) -> None:
        self.app = App(connector=PsycopgConnector(connection_class=waking.Connection, conninfo=django_conninfo()))
        self.begun: asyncio.Queue[str] = asyncio.Queue()
        self.may_end = asyncio.Event()
        self.app.task(name="note")(self._note)
        self.app.task(name="wait")(self._wait)
        self.app.task(name="fail once", retry=RetryStrategy(max_attempts=1), pass_context=True)(self._fail_once)

    async def _note(self, name: str) -> None:
        await self.begun.put(name)

    async def _wait(self, name: str) -> None:
        await self.begun.put(name)
        await self.may_end.wait()

    async def _fail_once(self, context: Any, name: str) -> None:
        await self.begun.put(name)
        if context.job.attempts == 0:
            raise ValueError("once")

    async def defer(self, task: str, name: str, **how: Any) -> int:
        return int(await self.app.configure_task(task, **how).defer_async(name=name))

    async def query(self, statement: str) -> list[dict[str, Any]]:
        return list(await self.app.connector.execute_query_all_async(statement))

    async def until_it_listens(self, *, other_than: int = 0) -> int:
        """The listener's process in the database."""
        while True:
            pids = [row["pid"] for row in await self.query(LISTENERS) if row["pid"] != other_than]
            if pids:
                return int(pids[0])
            await asyncio.sleep(0.02)


@asynccontextmanager
async def at_work() -> AsyncIterator[tuple[Workshop, Worker]]:
    workshop = Workshop()
    async with workshop.app.open_async():
        worker = Worker(workshop.app)
        running = asyncio.create_task(worker.run())
        try:
            await workshop.until_it_listens()
            yield workshop, worker
        finally:
            workshop.may_end.set()
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)


@pytest.fixture(autouse=True)
def _sleeps_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waking, "SOON_S", AN_HOUR_S)
    monkeypatch.setattr(waking, "LATER_S", AN_HOUR_S)


class TestASleepingWorker:
    async def test_is_woken_by_a_new_job(self) -> None:
        async with at_work() as (workshop, _):
            await workshop.defer("note", "new")
            assert await workshop.begun.get() == "new"

    async def test_is_woken_by_the_end_of_the_job_before(self) -> None:
        async with at_work() as (workshop, _):
            await workshop.defer("wait", "first", lock="one")
            assert await workshop.begun.get() == "first"
            await workshop.defer("note", "second", lock="one")
            workshop.may_end.set()
            assert await workshop.begun.get() == "second"

    async def test_is_woken_by_the_cancellation_of_the_job_before(self) -> None:
        async with at_work() as (workshop, _):
            first = await workshop.defer("note", "tomorrow", lock="one", schedule_in={"days": 1})
            await workshop.defer("note", "second", lock="one")
            await workshop.app.job_manager.cancel_job_by_id_async(first)
            assert await workshop.begun.get() == "second"

    async def test_is_woken_by_a_job_that_is_handed_back(self) -> None:
        async with at_work() as (workshop, _):
            await workshop.defer("fail once", "again")
            assert [await workshop.begun.get() for _ in range(2)] == ["again", "again"]

    async def test_listens_again_after_its_connection_was_lost(self) -> None:
        async with at_work() as (workshop, _):
            listener = await workshop.until_it_listens()
            await workshop.query(f"select pg_terminate_backend({listener})")
            await workshop.until_it_listens(other_than=listener)
            await workshop.defer("note", "new")
            assert await workshop.begun.get() == "new"

    async def test_remembers_what_it_was_told_while_it_looked(self, monkeypatch: pytest.MonkeyPatch) -> None:
        async with at_work() as (workshop, worker):
            look: Callable[..., Awaitable[Job | None]] = workshop.app.job_manager.fetch_job
            looks = 0

            async def look_slowly(**options: Any) -> Job | None:
                nonlocal looks
                looks += 1
                found = await look(**options)
                if looks == 2:  # the first found "first"
                    worker.heard.clear()
                    await workshop.defer("note", "meanwhile")
                    await worker.heard.wait()
                return found

            monkeypatch.setattr(workshop.app.job_manager, "fetch_job", look_slowly)
            await workshop.defer("note", "first")
            assert [await workshop.begun.get() for _ in range(2)] == ["first", "meanwhile"]


class TestALookByItself:
    async def test_finds_a_job_whose_time_has_come(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(waking, "SOON_S", 0.01)
        monkeypatch.setattr(waking, "LATER_S", 0.1)
        async with at_work() as (workshop, _):
            await workshop.defer("note", "later", schedule_in={"seconds": 1})
            assert await workshop.begun.get() == "later"

    async def test_comes_later_each_time_and_soon_after_a_notice(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(waking, "SOON_S", 0.01)
        pauses: list[float] = []
        has_looked = asyncio.Event()
        async with at_work() as (workshop, worker):
            look: Callable[..., Awaitable[Job | None]] = workshop.app.job_manager.fetch_job

            async def look_and_tell(**options: Any) -> Job | None:
                pauses.append(worker.fetch_job_polling_interval)
                if len(pauses) == 5:
                    has_looked.set()
                return await look(**options)

            monkeypatch.setattr(workshop.app.job_manager, "fetch_job", look_and_tell)
            await has_looked.wait()
            assert pauses == sorted(set(pauses))
            await workshop.defer("note", "new")
            await worker.heard.wait()
            assert worker.fetch_job_polling_interval < pauses[4]

"""Writing for many sessions at once: whatever is wrong with one, the others are written."""

from __future__ import annotations

import asyncio
from typing import Any

import psycopg
import pytest

from sessions.errors import StaleEpoch
from sessions.log import Batch, LogWriter
from sessions.log.writer import django_conninfo
from sessions.models import AgentSession
from tests import factories
from tests.sessions.log.test_writer import note
from tests.sessions.rows import make_session


@pytest.fixture
def several(transactional_db: None) -> list[AgentSession]:
    """Sessions that other connections see, each under the lease 1."""
    owner = factories.make_user("olga@example.com")
    organization = factories.make_organization("log", owner)
    return [make_session(organization, epoch=1) for _ in range(4)]


async def commit_all(sessions: list[AgentSession], batches: list[tuple[int, Batch]]) -> list[Any]:
    """At the same time; the first is under way when the others come, so that these go together."""
    async with LogWriter() as writer:
        await writer.commit(sessions[0].pk, 1, Batch())
        work = [
            writer.commit(session.pk, epoch, batch) for session, (epoch, batch) in zip(sessions, batches, strict=True)
        ]
        return await asyncio.gather(*work, return_exceptions=True)


async def texts(session: AgentSession) -> list[str]:
    rows = [row async for row in session.events.order_by("seq").values_list("payload", flat=True)]
    return [row["text"] for row in rows]


class TestGroup:
    async def test_writes_each_with_its_own_numbers_and_position(self, several: list[AgentSession]) -> None:
        batches = [(1, Batch([note(f"{n}a"), note(f"{n}b")][: n % 3], agent_offset=n or None)) for n in range(4)]

        last = await commit_all(several, batches)

        assert last == [0, 1, 2, 0]
        assert [await texts(session) for session in several] == [[], ["1a"], ["2a", "2b"], []]
        rows = {row.pk: row async for row in AgentSession.objects.all()}
        assert [rows[session.pk].agent_offset for session in several] == [0, 1, 2, 3]

    async def test_refuses_only_the_stale_one(self, several: list[AgentSession]) -> None:
        last = await commit_all(several, [(1, Batch([note("x")])), (0, Batch([note("no")]))] * 2)

        assert [last[0], last[2]] == [1, 1]
        assert [type(last[1]), type(last[3])] == [StaleEpoch, StaleEpoch]
        assert await texts(several[1]) == []

    async def test_refuses_only_what_the_database_cannot_store(self, several: list[AgentSession]) -> None:
        endless = Batch([note("x")], live={"n": float("inf")})

        last = await commit_all(several, [(1, Batch([note("x")])), (1, endless), *[(1, Batch([note("y")]))] * 2])

        assert [last[0], *last[2:]] == [1, 1, 1]
        assert isinstance(last[1], psycopg.DataError)

    async def test_lets_nobody_wait_for_a_row_that_is_held(self, several: list[AgentSession]) -> None:
        async with await psycopg.AsyncConnection.connect(django_conninfo()) as holder, LogWriter() as writer:
            await holder.execute("select 1 from agent_sessions_agentsession where id = %s for update", [several[0].pk])
            held = asyncio.create_task(writer.commit(several[0].pk, 1, Batch([note("held")])))
            others = await asyncio.gather(*(writer.commit(one.pk, 1, Batch([note("x")])) for one in several[1:]))
            assert (others, held.done()) == ([1, 1, 1], False)
            await holder.rollback()

            assert await held == 1

    async def test_keeps_the_order_of_one_session(self, several: list[AgentSession]) -> None:
        async with LogWriter() as writer:
            work = [writer.commit(several[n % 2].pk, 1, Batch([note(str(n))])) for n in range(40)]
            await asyncio.gather(*work)

        assert await texts(several[0]) == [str(n) for n in range(0, 40, 2)]
        assert await texts(several[1]) == [str(n) for n in range(1, 40, 2)]

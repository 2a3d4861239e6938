"""The event log: gapless numbers, leases, permission rows, storable payloads."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from django.db import connection, transaction
from django.utils import timezone

from accounts.models import Organization
from sessions import log
from sessions.errors import StaleEpoch
from sessions.events import Entry
from sessions.log import Ask, Batch, LogWriter, Withdraw
from sessions.log.writer import MAX_PENDING
from sessions.models import AgentSession, Event, PermissionRequest, PermissionStatus
from tests import factories
from tests.sessions.rows import make_session


def note(text: str) -> Entry:
    return Entry("agent.notice", {"level": "info", "text": text, "detail": ""})


def ask(request_id: str, **fields: Any) -> Ask:
    return Ask(
        request_id, **{"kind": "TOOL", "tool": "Bash", "input": {"command": "ls"}, "description": "List files"} | fields
    )


def seqs(session: AgentSession) -> list[int]:
    return list(Event.objects.filter(session=session).order_by("seq").values_list("seq", flat=True))


def kinds(session: AgentSession) -> list[str]:
    return list(Event.objects.filter(session=session).order_by("seq").values_list("kind", flat=True))


@pytest.fixture
def committed(transactional_db: None) -> AgentSession:
    """A session that other connections see."""
    owner = factories.make_user("olga@example.com")
    return make_session(factories.make_organization("log", owner), epoch=1)


class TestAppend:
    def test_numbers_from_one_without_gaps(self, organization: Organization) -> None:
        session = make_session(organization)

        first = log.append(session, [note("a"), note("b")], now=timezone.now())
        second = log.append(session, [note("c")], now=timezone.now())

        assert (first, second) == ([1, 2], [3])
        assert seqs(session) == [1, 2, 3]
        assert session.last_seq == AgentSession.objects.get(pk=session.pk).last_seq == 3

    def test_gives_its_numbers_back_when_the_transaction_rolls_back(self, organization: Organization) -> None:
        session = make_session(organization)

        with transaction.atomic():
            log.append(session, [note("lost")], now=timezone.now())
            transaction.set_rollback(True)

        assert log.append(session, [note("kept")], now=timezone.now()) == [1]

    def test_keeps_what_postgresql_cannot_store_as_a_mark(self, organization: Organization) -> None:
        session = make_session(organization)

        log.append(session, [note("nul \0, half \ud83d, whole 🚀, text \\u0000")], now=timezone.now())

        assert Event.objects.get(session=session).payload["text"] == "nul \ufffd, half \ufffd, whole 🚀, text \\u0000"

    @pytest.mark.django_db(transaction=True)
    def test_refuses_to_write_outside_a_transaction(self, committed: AgentSession) -> None:
        with pytest.raises(transaction.TransactionManagementError):
            log.append(committed, [note("alone")], now=timezone.now())


class TestEntry:
    def test_refuses_a_kind_that_is_not_in_the_table(self) -> None:
        with pytest.raises(ValueError, match="unknown event kind"):
            Entry("tool.cal", {})


class TestLogWriter:
    async def test_writes_entries_and_position_together(self, committed: AgentSession) -> None:
        async with LogWriter() as writer:
            last = await writer.commit(
                committed.id,
                1,
                Batch(
                    [note("a"), note("b")], agent_run="run-1", agent_offset=77, agent_state={"n": 1}, live={"text": "x"}
                ),
            )

        session = await AgentSession.objects.aget(pk=committed.pk)
        assert last == session.last_seq == 2
        assert (session.agent_run, session.agent_offset, session.agent_state) == ("run-1", 77, {"n": 1})
        assert session.live == {"text": "x"}
        assert [event.payload["text"] async for event in Event.objects.filter(session=session).order_by("seq")] == [
            "a",
            "b",
        ]

    async def test_moves_the_position_without_entries(self, committed: AgentSession) -> None:
        async with LogWriter() as writer:
            assert await writer.commit(committed.id, 1, Batch(agent_offset=5)) == 0

        session = await AgentSession.objects.aget(pk=committed.pk)
        assert (session.agent_offset, session.agent_run, session.last_seq) == (5, "", 0)

    @pytest.mark.parametrize("batch", [Batch([note("late")], agent_offset=9), Batch([ask("r1")], agent_offset=9)])
    async def test_refuses_a_lease_that_has_moved_on(self, committed: AgentSession, batch: Batch) -> None:
        async with LogWriter() as writer:
            with pytest.raises(StaleEpoch):
                await writer.commit(committed.id, 0, batch)

        session = await AgentSession.objects.aget(pk=committed.pk)
        assert (session.last_seq, session.agent_offset) == (0, 0)
        assert not await Event.objects.aexists()
        assert not await PermissionRequest.objects.aexists()

    async def test_asks_once_however_often_the_agent_repeats_itself(self, committed: AgentSession) -> None:
        async with LogWriter() as writer:
            await writer.commit(committed.id, 1, Batch([note("a"), ask("r1")]))
            last = await writer.commit(committed.id, 1, Batch([ask("r1"), note("b")]))

        row = await PermissionRequest.objects.aget()
        event = await Event.objects.aget(kind="permission.requested")
        assert last == 3
        assert event.payload["id"] == str(row.id)
        assert (row.status, row.tool, row.input, row.description) == (
            "PENDING",
            "Bash",
            {"command": "ls"},
            "List files",
        )

    async def test_withdraws_only_what_still_waits(self, committed: AgentSession) -> None:
        async with LogWriter() as writer:
            await writer.commit(committed.id, 1, Batch([ask("r1"), ask("r2")]))
            await PermissionRequest.objects.filter(request_id="r1").aupdate(status=PermissionStatus.ALLOWED)
            await writer.commit(committed.id, 1, Batch([Withdraw("r1"), Withdraw("r2", "Gone."), Withdraw("r3")]))

        assert (await PermissionRequest.objects.aget(request_id="r1")).status == PermissionStatus.ALLOWED
        assert (await PermissionRequest.objects.aget(request_id="r2")).status == PermissionStatus.CANCELLED
        resolved = [event async for event in Event.objects.filter(kind="permission.resolved")]
        assert [event.seq for event in resolved] == [3]
        assert resolved[0].payload["status"] == "CANCELLED"

    async def test_stores_hostile_text(self, committed: AgentSession) -> None:
        hostile = ask("r\0" * 200, tool="T\0" * 200, description="\ud800", input={"\0": ["\udfff"]})
        async with LogWriter() as writer:
            await writer.commit(committed.id, 1, Batch([note("\0\ud800🚀"), hostile], agent_state={"x": "\0"}))
            await writer.commit(committed.id, 1, Batch([Withdraw("r\0" * 200)]))

        assert (await Event.objects.aget(seq=1)).payload["text"] == "\ufffd\ufffd🚀"
        assert (await PermissionRequest.objects.aget()).status == PermissionStatus.CANCELLED

    async def test_asks_for_so_much_at_a_time_and_says_so(self, committed: AgentSession) -> None:
        asked = [ask(f"r{number}") for number in range(MAX_PENDING + 2)]
        async with LogWriter() as writer:
            await writer.commit(committed.pk, 1, Batch(entries=asked))
            await writer.commit(committed.pk, 1, Batch(entries=[ask("r0"), Withdraw("r0"), ask("later")]))

        def kept() -> tuple[int, list[str], str]:
            pending = PermissionRequest.objects.filter(session=committed, status=PermissionStatus.PENDING)
            return pending.count(), kinds(committed)[MAX_PENDING:], str(pending.latest("created_at").request_id)

        told = ["agent.notice"] * 2 + ["permission.resolved", "permission.requested"]
        assert await sync_to_async(kept)() == (MAX_PENDING, told, "later")


class TestConcurrency:
    def test_parallel_writers_leave_no_gap_and_no_duplicate(self, committed: AgentSession) -> None:
        def from_the_api() -> None:
            try:
                for n in range(20):
                    with transaction.atomic():
                        log.append(committed_copy(), [note(f"api {n}")] * 2, now=timezone.now())
            finally:
                connection.close()

        def committed_copy() -> AgentSession:
            return AgentSession.objects.get(pk=committed.pk)

        async def from_the_runner() -> None:
            async with LogWriter(pool_size=4) as writer:
                await asyncio.gather(
                    *(writer.commit(committed.id, 1, Batch([note(f"runner {n}")] * 3)) for n in range(20)),
                    *(writer.commit(committed.id, 1, Batch([ask(f"r{n}")])) for n in range(10)),
                )

        threads = [threading.Thread(target=from_the_api) for _ in range(3)]
        for thread in threads:
            thread.start()
        async_to_sync(from_the_runner)()
        for thread in threads:
            thread.join()

        expected = 3 * 20 * 2 + 20 * 3 + 10
        assert seqs(committed) == list(range(1, expected + 1))
        assert AgentSession.objects.get(pk=committed.pk).last_seq == expected

"""Old logs, packed: readers see what they saw before, also across the boundary."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from channels.db import database_sync_to_async as in_db
from django.utils import timezone
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st
from pytest_django.fixtures import Settings

from accounts.models import Organization, User
from sessions import log, queries, services, tasks
from sessions.events import Entry
from sessions.log import archive
from sessions.models import AgentSession, ArchivedEvents, Event, JobStatus
from sessions.services import archiving
from tests.client import ApiClient
from tests.sessions.rows import make_attachment, make_job, make_session

LONG_AGO = timedelta(days=31)


def fill(session: AgentSession, count: int, **fields: Any) -> None:
    now = timezone.now()
    entries = [Entry("agent.raw", {"text": f"line {number} é"}) for number in range(count)]
    log.append(session, entries, now=now, **fields)


def age(session: AgentSession, by: timedelta = LONG_AGO) -> None:
    AgentSession.with_deleted.filter(pk=session.pk).update(updated_at=timezone.now() - by)


def pack(session: AgentSession) -> int:
    return services.archive_stretch(session_id=session.pk, now=timezone.now())


@pytest.fixture
def session(organization: Organization, monkeypatch: pytest.MonkeyPatch) -> AgentSession:
    monkeypatch.setattr(archiving, "MAX_EVENTS", 4)
    return make_session(organization)


class TestArchiveStretch:
    def test_moves_the_logs_beginning(self, session: AgentSession) -> None:
        fill(session, 6)
        age(session)

        assert [pack(session) for _ in range(3)] == [4, 2, 0]

        assert not Event.objects.exists()
        stretches = ArchivedEvents.objects.order_by("first_seq").values_list("first_seq", "last_seq")
        assert list(stretches) == [(1, 4), (5, 6)]

    def test_keeps_a_stretch_small(self, session: AgentSession, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(archiving, "MAX_BYTES", 10)
        fill(session, 3)
        age(session)

        assert pack(session) == 1

    def test_leaves_alone_what_somebody_uses(self, session: AgentSession) -> None:
        fill(session, 3)
        age(session, timedelta(days=29))
        assert pack(session) == 0

        age(session)
        make_job(session)
        assert pack(session) == 0

        session.jobs.update(status=JobStatus.CANCELLED)
        assert pack(session) == 3

    def test_changes_neither_the_session_nor_its_number(self, session: AgentSession) -> None:
        fill(session, 3)
        age(session)
        before = AgentSession.objects.values().get()

        pack(session)

        assert AgentSession.objects.values().get() == before

    def test_takes_deleted_sessions_too(self, session: AgentSession) -> None:
        fill(session, 3)
        services.delete_session(session=session, now=timezone.now())
        age(session)

        assert pack(session) == 3

    def test_can_be_switched_off(self, session: AgentSession, settings: Settings) -> None:
        fill(session, 3)
        age(session)
        settings.ARCHIVE_AFTER_DAYS = 0

        assert services.sessions_to_archive(now=timezone.now(), limit=10) == []

    def test_of_nobody_does_nothing(self, db: None) -> None:
        assert services.archive_stretch(session_id=uuid.uuid4(), now=timezone.now()) == 0


class TestReplay:
    @pytest.mark.parametrize("stretches", range(4))
    def test_is_the_same_as_before_from_every_number(self, session: AgentSession, stretches: int) -> None:
        fill(session, 11)
        before = {(after, limit): self._read(session, after, limit) for after in range(13) for limit in (1, 3, 5, 20)}
        age(session)
        for _ in range(stretches):
            assert pack(session)

        assert {key: self._read(session, *key) for key in before} == before

    def test_goes_on_when_the_session_wakes_up(self, session: AgentSession) -> None:
        fill(session, 6)
        age(session)
        pack(session)
        fill(session, 3)

        assert [event["seq"] for event in queries.events_after(session.pk, 0, 100)] == list(range(1, 10))
        assert ArchivedEvents.objects.count() == 1

    def test_is_bounded_by_bytes(self, session: AgentSession) -> None:
        fill(session, 8)
        age(session)
        pack(session)

        assert [frame.seq for frame in queries.page_after(session.pk, 1, 100, 200)] == [2, 3]

    def test_shows_what_was_archived_between_two_reads_once(self) -> None:
        older, newer = [{"seq": seq} for seq in (3, 4, 5, 6)], [{"seq": seq} for seq in (5, 6, 7)]

        assert [event["seq"] for event in archive.joined(older, newer, 4)] == [3, 4, 5, 6]

    def test_comes_by_the_api(self, session: AgentSession, api: Callable[..., ApiClient], bob: User) -> None:
        fill(session, 6)
        before = api(bob).get(f"/sessions/{session.pk}/events", after=2).json()
        age(session)
        pack(session)

        assert api(bob).get(f"/sessions/{session.pk}/events", after=2).json() == before

    def _read(self, session: AgentSession, after: int, limit: int) -> tuple[list[Any], list[Any]]:
        frames = queries.page_after(session.pk, after, limit, 10**9)
        return queries.events_after(session.pk, after, limit), [json.loads(frame.body) for frame in frames]


class TestSubAgents:
    def test_are_found_in_the_archive(self, session: AgentSession, api: Callable[..., ApiClient], bob: User) -> None:
        job = make_job(session, status=JobStatus.COMPLETED)
        call = {"call_id": "t1", "parent": None, "name": "Task", "input": {"description": "Look around"}}
        other = {**call, "call_id": "t2", "name": "Bash"}
        text = {"block": "m:0", "parent": "t1", "text": "I see"}
        entries = [Entry("tool.call", call), Entry("tool.call", other), Entry("assistant.text", text)]
        log.append(session, entries, job_id=job.pk, now=timezone.now())
        before = api(bob).get(f"/sessions/{session.pk}/messages").json()
        age(session)
        pack(session)

        after = api(bob).get(f"/sessions/{session.pk}/messages").json()

        assert [agent["text"] for agent in after["items"][0]["sub_agents"]] == ["I see"]
        assert after == before


class TestPack:
    @examples(max_examples=50, suppress_health_check=[HealthCheck.too_slow])
    @given(st.lists(st.dictionaries(st.text(), st.text() | st.integers() | st.none()), max_size=5))
    def test_gives_back_what_it_took(self, payloads: list[dict[str, Any]]) -> None:
        given = [{"seq": seq, "payload": payload} for seq, payload in enumerate(payloads)]

        assert archive.unpack(archive.pack(json.loads(json.dumps(given)))) == given


class TestTidy:
    async def test_goes_on_with_the_others_when_one_cannot_be_packed(
        self, session: AgentSession, organization: Organization
    ) -> None:
        """A stretch is there already where the log still has its events: something else wrote it."""
        other = await in_db(make_session)(organization)

        def prepare() -> None:
            for row, days in ((session, 40), (other, 35)):
                fill(row, 2)
                age(row, timedelta(days=days))
            ArchivedEvents.objects.create(
                session=session, organization=session.organization, first_seq=1, last_seq=1, data=archive.pack([])
            )

        await in_db(prepare)()

        await tasks.tidy(0)

        left = await in_db(lambda: list(Event.objects.values_list("session_id", flat=True)))()
        assert left == [session.pk, session.pk]

    async def test_packs_and_prunes_all_that_is_due(self, session: AgentSession) -> None:
        def prepare() -> None:
            fill(session, 9)
            age(session)
            make_attachment(session, created_at=timezone.now() - timedelta(days=2))
            age(session)

        await in_db(prepare)()

        await tasks.tidy(0)

        assert await in_db(Event.objects.count)() == 0
        assert await in_db(ArchivedEvents.objects.count)() == 3
        assert await in_db(session.attachments.count)() == 0

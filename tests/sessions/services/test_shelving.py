"""Archiving sessions and bringing them back."""

from __future__ import annotations

import pytest
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob

from accounts.models import Organization, User
from sessions import queries, services
from sessions.errors import AtWork
from sessions.models import AgentSession, Event, Job, JobStatus, SessionStatus
from tests.sessions.rows import make_job, make_session


@pytest.fixture
def session(organization: Organization) -> AgentSession:
    return make_session(organization, status=SessionStatus.WAITING_INPUT)


def changes(session: AgentSession) -> list[object]:
    found = Event.objects.filter(session=session, kind="session.changed").order_by("seq")
    return [event.payload["changes"] for event in found]


class TestArchiveSession:
    def test_takes_it_out_of_the_lists_and_ends_its_sandbox(self, session: AgentSession) -> None:
        now = timezone.now()

        services.archive_session(session=session, now=now)
        services.archive_session(session=session, now=timezone.now())

        session.refresh_from_db()
        assert session.archived_at == now
        assert list(queries.unarchived()) == []
        assert list(queries.sessions()) == [session]
        assert changes(session) == [{"archived_at": now.isoformat().replace("+00:00", "Z")}]
        assert ProcrastinateJob.objects.filter(task_name="sessions.stop_session").count() == 1

    def test_asks_before_it_stops_what_runs(self, session: AgentSession) -> None:
        job = make_job(session, status=JobStatus.PROCESSING)

        with pytest.raises(AtWork):
            services.archive_session(session=session, now=timezone.now())
        assert list(queries.unarchived()) == [session]

        services.archive_session(session=session, is_stopped_first=True, now=timezone.now())

        session.refresh_from_db()
        assert session.archived_at is not None
        assert Job.objects.get(pk=job.pk).status == JobStatus.CANCELLED


class TestUnarchiveSession:
    def test_brings_it_back(self, session: AgentSession) -> None:
        services.archive_session(session=session, now=timezone.now())

        for _ in range(2):
            services.unarchive_session(session=session, now=timezone.now())

        assert list(queries.unarchived()) == [session]
        assert changes(session)[1:] == [{"archived_at": None}]

    def test_comes_with_a_message(self, session: AgentSession, bob: User) -> None:
        services.archive_session(session=session, now=timezone.now())

        services.send_message(session=session, author=bob, text="go on", now=timezone.now())

        assert list(queries.unarchived()) == [session]
        assert changes(session)[1:] == [{"archived_at": None}]

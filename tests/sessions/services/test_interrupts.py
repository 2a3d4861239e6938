"""Interrupting: the turn that was meant, and no later one."""

from __future__ import annotations

import uuid

import pytest
from django.utils import timezone

from accounts.errors import NotFound
from accounts.models import Organization
from sessions import services
from sessions.errors import NothingRunning
from sessions.models import AgentSession, Job, JobStatus
from tests.sessions.rows import make_job, make_session


@pytest.fixture
def session(organization: Organization) -> AgentSession:
    return make_session(organization)


def interrupt(session: AgentSession, job_id: uuid.UUID) -> None:
    services.interrupt(session=session, job_id=job_id, now=timezone.now())


class TestInterruptOneTurn:
    def test_marks_the_one_that_runs(self, session: AgentSession) -> None:
        job = make_job(session, status=JobStatus.PROCESSING)

        interrupt(session, job.pk)

        assert Job.objects.get().interrupt_requested_at is not None

    def test_leaves_the_next_one_alone(self, session: AgentSession) -> None:
        over = make_job(session, status=JobStatus.COMPLETED)
        running = make_job(session, status=JobStatus.PROCESSING)

        interrupt(session, over.pk)

        running.refresh_from_db()
        assert running.interrupt_requested_at is None

    def test_has_nothing_to_do_with_one_that_waits(self, session: AgentSession) -> None:
        running, waiting = make_job(session, status=JobStatus.PROCESSING), make_job(session)

        with pytest.raises(NothingRunning):
            interrupt(session, waiting.pk)

        running.refresh_from_db()
        assert running.interrupt_requested_at is None

    def test_finds_only_turns_of_this_session(self, session: AgentSession, organization: Organization) -> None:
        foreign = make_job(make_session(organization), status=JobStatus.PROCESSING)

        with pytest.raises(NotFound):
            interrupt(session, foreign.pk)

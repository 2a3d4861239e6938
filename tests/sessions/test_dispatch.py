"""The queue of turns: what has lost its task gets another."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import connection
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob

from accounts.models import Organization
from sessions import dispatch
from sessions.models import AgentSession, JobStatus
from tests.sessions.rows import make_job, make_session


@pytest.fixture
def session(organization: Organization) -> AgentSession:
    return make_session(organization)


def old_job(session: AgentSession, **fields: Any) -> UUID:
    """Admitted long ago."""
    at = timezone.now() - timedelta(minutes=5)
    return make_job(session, **{"created_at": at, "admitted_at": at} | fields).pk


def tasks_of(session: AgentSession) -> list[UUID]:
    tasks = ProcrastinateJob.objects.filter(lock=f"session:{session.pk}", status="todo").order_by("id")
    return [UUID(task.args["job_id"]) for task in tasks]


class TestRescueTurns:
    @pytest.mark.parametrize("status", [JobStatus.PENDING, JobStatus.PROCESSING])
    def test_queues_what_no_task_will_come_to(self, session: AgentSession, status: JobStatus) -> None:
        job = old_job(session, status=status)

        assert dispatch.rescue_turns(now=timezone.now()) == 1
        assert tasks_of(session) == [job]

    def test_queues_one_task_for_all_jobs_of_a_session(self, session: AgentSession) -> None:
        old_job(session, status=JobStatus.PROCESSING)
        last = make_job(session, admitted_at=timezone.now()).pk

        assert dispatch.rescue_turns(now=timezone.now()) == 1
        assert tasks_of(session) == [last]
        assert dispatch.rescue_turns(now=timezone.now()) == 0

    def test_leaves_alone_what_waits_for_admission(self, session: AgentSession) -> None:
        old_job(session, admitted_at=None)

        assert dispatch.rescue_turns(now=timezone.now()) == 0

    def test_leaves_alone_what_has_a_task(self, session: AgentSession) -> None:
        job = old_job(session)
        dispatch.defer_turn(session.pk, job)

        assert dispatch.rescue_turns(now=timezone.now()) == 0

    def test_counts_a_running_task_and_not_one_that_is_over(self, session: AgentSession) -> None:
        job = old_job(session)
        dispatch.defer_turn(session.pk, job)
        for status, rescued in (("doing", 0), ("succeeded", 1)):
            with connection.cursor() as cursor:
                cursor.execute("update procrastinate_jobs set status = %s", [status])
            assert dispatch.rescue_turns(now=timezone.now()) == rescued

    def test_leaves_alone_what_is_new_over_or_deleted(self, session: AgentSession, organization: Organization) -> None:
        make_job(session)
        old_job(make_session(organization), status=JobStatus.COMPLETED)
        old_job(make_session(organization, deleted_at=timezone.now()))

        assert dispatch.rescue_turns(now=timezone.now()) == 0

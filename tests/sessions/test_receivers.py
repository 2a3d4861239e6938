"""What sessions do when their project or their organisation goes."""

from __future__ import annotations

import pytest
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob

from accounts import services as accounts
from accounts.auth import actor_for
from accounts.models import Organization, User
from projects import services as projects
from sessions.models import AgentSession, Job, JobStatus, SessionStatus
from tests.sessions.rows import make_job, make_project, make_session

pytestmark = pytest.mark.django_db


def deferred() -> set[tuple[str, str]]:
    rows = ProcrastinateJob.objects.filter(task_name__startswith="sessions.")
    return {(row.task_name, row.args["session_id"]) for row in rows}


class TestSuspension:
    def test_stops_each_session_that_is_at_work(self, organization: Organization) -> None:
        running = make_session(organization, status=SessionStatus.RUNNING)
        make_job(running, status=JobStatus.PROCESSING)
        idle = make_session(organization, status=SessionStatus.COMPLETED)
        make_session(organization, status=SessionStatus.STOPPED)
        woken = make_session(organization, status=SessionStatus.STOPPED)
        make_job(woken)

        accounts.suspend_organizations(ids=[organization.pk], now=timezone.now())

        assert deferred() == {("sessions.stop_session", str(row.pk)) for row in (running, idle)}
        assert set(Job.objects.values_list("status", flat=True)) == {JobStatus.CANCELLED}

    def test_leaves_other_organisations_at_work(self, organization: Organization, charlie: User) -> None:
        session = make_session(charlie.organizations.get(), status=SessionStatus.RUNNING)
        job = make_job(session, status=JobStatus.PROCESSING)

        accounts.suspend_organizations(ids=[organization.pk], now=timezone.now())

        job.refresh_from_db()
        assert job.status == JobStatus.PROCESSING
        assert deferred() == set()

    def test_does_nothing_the_second_time(self, organization: Organization) -> None:
        accounts.suspend_organizations(ids=[organization.pk], now=timezone.now())
        make_session(organization, status=SessionStatus.RUNNING)

        assert accounts.suspend_organizations(ids=[organization.pk], now=timezone.now()) == 0
        assert deferred() == set()


class TestDeletionOfTheProject:
    def test_takes_its_sessions_along(self, alice: User, organization: Organization) -> None:
        project = make_project(organization)
        session = make_session(organization, project=project, status=SessionStatus.RUNNING)
        other = make_session(organization)

        projects.delete_project(actor=actor_for(alice), id=project.pk, now=timezone.now())

        assert deferred() == {("sessions.cleanup_session", str(session.pk))}
        assert list(AgentSession.objects.filter(deleted_at=None)) == [other]

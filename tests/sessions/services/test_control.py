"""Interrupting, cancelling, stopping, changing, deleting."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob

from accounts.errors import Invalid, NotFound
from accounts.models import Organization
from gateway import services as gateway
from gateway.models import GatewayToken
from sessions import services
from sessions.errors import NameTaken, NothingRunning
from sessions.models import AgentSession, Event, Job, JobStatus, PermissionRequest, SessionStatus
from tests.sessions.rows import make_job, make_permission, make_session


@pytest.fixture
def session(organization: Organization) -> AgentSession:
    return make_session(organization, status=SessionStatus.RUNNING, epoch=4)


def kinds(session: AgentSession) -> list[str]:
    return list(Event.objects.filter(session=session).order_by("seq").values_list("kind", flat=True))


class TestInterrupt:
    def test_marks_the_running_job_once(self, session: AgentSession) -> None:
        job = make_job(session, status=JobStatus.PROCESSING)
        waiting = make_job(session)

        services.interrupt(session=session, now=timezone.now())
        job.refresh_from_db()
        first = job.interrupt_requested_at
        services.interrupt(session=session, now=timezone.now())
        job.refresh_from_db()

        assert first is not None
        assert job.interrupt_requested_at == first
        assert Job.objects.get(pk=waiting.pk).interrupt_requested_at is None

    def test_says_that_nothing_runs(self, session: AgentSession) -> None:
        make_job(session)

        with pytest.raises(NothingRunning):
            services.interrupt(session=session, now=timezone.now())


class TestCancel:
    def test_shows_running_and_waiting_jobs_as_cancelled_at_once(self, session: AgentSession) -> None:
        running, waiting = make_job(session, status=JobStatus.PROCESSING), make_job(session)
        done = make_job(session, status=JobStatus.COMPLETED)
        make_permission(session, job=running)

        services.cancel(session=session, now=timezone.now())

        for job in Job.objects.filter(pk__in=[running.pk, waiting.pk]):
            assert job.status == JobStatus.CANCELLED
            assert job.cancel_requested_at == job.finished_at is not None
        assert Job.objects.get(pk=done.pk).status == JobStatus.COMPLETED
        assert PermissionRequest.objects.get().status == "CANCELLED"
        assert kinds(session) == ["job.status", "job.status", "permission.resolved"]

    def test_takes_one_job_when_it_is_named(self, session: AgentSession) -> None:
        running, waiting = make_job(session, status=JobStatus.PROCESSING), make_job(session)

        services.cancel(session=session, job_id=waiting.pk, now=timezone.now())

        assert Job.objects.get(pk=running.pk).status == JobStatus.PROCESSING
        assert Job.objects.get(pk=waiting.pk).status == JobStatus.CANCELLED

    def test_lets_a_session_that_never_started_wait_for_a_message(self, organization: Organization) -> None:
        session = make_session(organization)
        make_job(session)

        services.cancel(session=session, now=timezone.now())

        assert AgentSession.objects.get().status == SessionStatus.WAITING_INPUT
        assert kinds(session) == ["job.status", "session.status"]

    def test_finds_only_jobs_of_this_session(self, session: AgentSession, organization: Organization) -> None:
        foreign = make_job(make_session(organization))

        with pytest.raises(NotFound):
            services.cancel(session=session, job_id=foreign.pk, now=timezone.now())
        with pytest.raises(NotFound):
            services.cancel(session=session, job_id=uuid.uuid4(), now=timezone.now())

    def test_says_that_nothing_runs(self, session: AgentSession) -> None:
        with pytest.raises(NothingRunning):
            services.cancel(session=session, now=timezone.now())


class TestStopSession:
    def test_cancels_what_runs_and_defers_the_stop(self, session: AgentSession) -> None:
        make_job(session, status=JobStatus.PROCESSING)

        services.stop_session(session=session, now=timezone.now())

        assert Job.objects.get().status == JobStatus.CANCELLED
        task = ProcrastinateJob.objects.get()
        assert (task.task_name, task.lock, task.args) == (
            "sessions.stop_session",
            f"session:{session.pk}",
            {"session_id": str(session.pk), "is_forced": False},
        )

    def test_does_nothing_to_a_stopped_session(self, organization: Organization) -> None:
        session = make_session(organization, status=SessionStatus.STOPPED)

        services.stop_session(session=session, now=timezone.now())

        assert not ProcrastinateJob.objects.exists()
        assert kinds(session) == []


class TestDeleteSession:
    def test_hides_the_session_and_ends_every_right_of_its_sandbox(self, session: AgentSession) -> None:
        now = timezone.now()
        gateway.issue_token(organization_id=session.organization_id, subject_id=session.pk, now=now)
        make_job(session, status=JobStatus.PROCESSING)

        services.delete_session(session=session, now=now)

        row = AgentSession.with_deleted.get()
        assert (row.deleted_at, row.epoch) == (now, 5)
        assert not AgentSession.objects.exists()
        assert GatewayToken.objects.get().revoked_at == now
        assert Job.objects.get().status == JobStatus.CANCELLED
        assert ProcrastinateJob.objects.get().task_name == "sessions.cleanup_session"

    def test_is_not_found_the_second_time(self, session: AgentSession) -> None:
        services.delete_session(session=session, now=timezone.now())

        with pytest.raises(NotFound):
            services.delete_session(session=session, now=timezone.now())


class TestUpdateSession:
    def test_changes_what_is_given(self, session: AgentSession) -> None:
        changed = services.update_session(
            session=session, name=" new ", model="opus", permission_mode="plan", now=timezone.now()
        )

        assert (changed.name, changed.model, changed.permission_mode) == ("new", "opus", "plan")

    def test_tells_every_reader_what_is_new_and_nothing_else(self, session: AgentSession) -> None:
        for _ in range(2):
            services.update_session(session=session, model="opus", permission_mode="default", now=timezone.now())

        event = Event.objects.get()
        assert (event.kind, event.payload) == ("session.changed", {"changes": {"model": "opus"}})

    def test_refuses_a_taken_name_but_not_that_of_a_deleted_session(self, session: AgentSession) -> None:
        other = make_session(session.organization, project=session.project, name="taken")

        with pytest.raises(NameTaken):
            services.update_session(session=session, name="taken", now=timezone.now())
        services.delete_session(session=other, now=timezone.now())

        assert services.update_session(session=session, name="taken", now=timezone.now()).name == "taken"

    @pytest.mark.parametrize("change", [{"name": ""}, {"model": "gpt"}, {"permission_mode": "x"}, {"name": "a\0"}])
    def test_refuses_bad_values(self, session: AgentSession, change: dict[str, Any]) -> None:
        with pytest.raises(Invalid):
            services.update_session(session=session, **change, now=timezone.now())

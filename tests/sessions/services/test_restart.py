"""One click after a failure: once, and never twice what the agent may have done already."""

from __future__ import annotations

import uuid

import pytest
from django.utils import timezone

from accounts.models import Organization, User
from sessions import services
from sessions.errors import NothingToContinue
from sessions.models import AgentSession, Event, Job, JobStatus, Message
from sessions.services.restart import GO_ON
from tests.sessions.rows import make_job, make_session


@pytest.fixture
def session(organization: Organization) -> AgentSession:
    return make_session(organization, status="ERROR")


def restart(session: AgentSession, user: User) -> AgentSession:
    return services.restart_session(session=session, by=user, now=timezone.now())


def failed(session: AgentSession, *, is_delivered: bool, status: str = JobStatus.FAILED) -> Job:
    now = timezone.now()
    job = make_job(session, status=status, error="The agent ended.", started_at=now, finished_at=now, admitted_at=now)
    Message.objects.filter(job=job).update(delivered_at=now if is_delivered else None)
    return job


class TestRestartSession:
    def test_asks_the_agent_to_go_on_with_what_it_had(self, session: AgentSession, bob: User) -> None:
        job = failed(session, is_delivered=True)

        restart(session, bob)

        new = Job.objects.exclude(pk=job.pk).get()
        assert (new.status, new.message.text, new.message.author) == (JobStatus.PENDING, GO_ON, bob)

    def test_lets_a_message_wait_again_that_the_agent_never_got(self, session: AgentSession, bob: User) -> None:
        job = failed(session, is_delivered=False)

        restart(session, bob)

        row = Job.objects.get()
        assert (row.pk, row.status, row.error, row.admitted_at) == (job.pk, JobStatus.PENDING, "", None)
        assert row.started_at is row.finished_at is None
        assert row.asked_by == bob.pk
        assert Event.objects.get().payload["status"] == "PENDING"

    @pytest.mark.parametrize("is_delivered", [True, False])
    def test_is_harmless_when_repeated(self, session: AgentSession, bob: User, is_delivered: bool) -> None:
        failed(session, is_delivered=is_delivered)

        for _ in range(3):
            restart(session, bob)

        assert Job.objects.filter(status=JobStatus.PENDING).count() == 1

    def test_goes_on_after_a_turn_of_the_agents_own(self, session: AgentSession, bob: User) -> None:
        Job.objects.create(organization=session.organization, session=session, status=JobStatus.FAILED, trigger="AGENT")

        restart(session, bob)

        assert Message.objects.get().text == GO_ON

    def test_looks_past_messages_that_were_taken_back(self, session: AgentSession, bob: User) -> None:
        failed(session, is_delivered=True)
        failed(session, is_delivered=False, status=JobStatus.CANCELLED)

        restart(session, bob)

        assert Message.objects.filter(text=GO_ON).count() == 1

    @pytest.mark.parametrize("status", [None, JobStatus.COMPLETED])
    def test_has_nothing_to_do_when_nothing_failed(self, session: AgentSession, bob: User, status: str | None) -> None:
        if status:
            make_job(session, status=status)

        with pytest.raises(NothingToContinue):
            restart(session, bob)

    def test_asks_once_for_each_failure(self, session: AgentSession, bob: User) -> None:
        failed(session, is_delivered=True)
        restart(session, bob)
        Message.objects.filter(text=GO_ON).update(delivered_at=timezone.now())
        Job.objects.update(status=JobStatus.FAILED)

        restart(session, bob)

        ids: set[uuid.UUID] = set(Message.objects.filter(text=GO_ON).values_list("pk", flat=True))
        assert len(ids) == 2

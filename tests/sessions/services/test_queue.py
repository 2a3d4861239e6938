"""Messages that wait: changed, removed and hurried until the agent has them."""

from __future__ import annotations

import uuid
from collections.abc import Callable

import pytest
from django.utils import timezone

from accounts.errors import Conflict, Invalid, NotFound, Unprocessable
from accounts.models import Organization, User
from sessions import services
from sessions.errors import AlreadyDelivered
from sessions.models import AgentSession, Event, Job, JobStatus, Message, SessionStatus
from tests.sessions.rows import make_job, make_session

OVER = [JobStatus.PROCESSING, JobStatus.COMPLETED, JobStatus.FAILED]


@pytest.fixture
def session(organization: Organization) -> AgentSession:
    return make_session(organization, status=SessionStatus.RUNNING)


def edit(session: AgentSession, job: Job, user: User, text: str = "better") -> services.Sent:
    return services.edit_message(session=session, message_id=job.message.pk, text=text, by=user, now=timezone.now())


def remove(session: AgentSession, job: Job, user: User) -> None:
    services.remove_message(session=session, message_id=job.message.pk, by=user, now=timezone.now())


def hurry(session: AgentSession, job: Job) -> services.Sent:
    return services.send_now(session=session, message_id=job.message.pk, now=timezone.now())


class TestEditMessage:
    def test_changes_what_waits_and_tells_who(self, session: AgentSession, bob: User) -> None:
        job = make_job(session)

        edit(session, job, bob)

        message = Message.objects.get()
        assert message.text == "better"
        assert message.edited_at is not None
        event = Event.objects.get()
        assert (event.kind, event.job_id) == ("message.edited", job.pk)
        assert event.payload == {
            "message_id": str(message.pk),
            "text": "better",
            "by": {"id": str(bob.pk), "name": "Bob"},
        }

    def test_does_nothing_when_repeated_even_after_delivery(self, session: AgentSession, bob: User) -> None:
        job = make_job(session)
        edit(session, job, bob)
        Job.objects.update(status=JobStatus.PROCESSING)

        assert edit(session, job, bob).is_new is False

        assert Event.objects.count() == 1

    @pytest.mark.parametrize("status", [*OVER, JobStatus.CANCELLED])
    def test_refuses_what_no_longer_waits(self, session: AgentSession, bob: User, status: str) -> None:
        job = make_job(session, status=status)

        with pytest.raises(AlreadyDelivered):
            edit(session, job, bob)

        assert Message.objects.get().text == "do it"
        assert not Event.objects.exists()

    @pytest.mark.parametrize("text", ["", " ", "a\0b"])
    def test_refuses_a_bad_text(self, session: AgentSession, bob: User, text: str) -> None:
        with pytest.raises((Unprocessable, Invalid)):
            edit(session, make_job(session), bob, text)

    def test_finds_only_messages_of_this_session(
        self, session: AgentSession, organization: Organization, bob: User
    ) -> None:
        with pytest.raises(NotFound):
            edit(session, make_job(make_session(organization)), bob)

    def test_leaves_sending_again_harmless(self, session: AgentSession, bob: User) -> None:
        id = uuid.uuid4()

        def send() -> services.Sent:
            now = timezone.now()
            return services.send_message(session=session, author=bob, text="first", message_id=id, now=now)

        edit(session, send().job, bob)

        again = send()
        assert (again.is_new, again.message.text) == (False, "better")


class TestRemoveMessage:
    def test_cancels_the_job_and_tells_who(self, session: AgentSession, alice: User) -> None:
        job = make_job(session)

        remove(session, job, alice)

        job.refresh_from_db()
        assert (job.status, job.progress_message) == (JobStatus.CANCELLED, "Removed by Alice.")
        assert job.finished_at is not None
        payload = Event.objects.get().payload
        assert (payload["status"], payload["progress_message"]) == ("CANCELLED", "Removed by Alice.")

    def test_is_harmless_when_repeated(self, session: AgentSession, alice: User) -> None:
        job = make_job(session)

        remove(session, job, alice)
        remove(session, job, alice)

        assert Event.objects.count() == 1

    @pytest.mark.parametrize("status", OVER)
    def test_refuses_what_the_agent_has(self, session: AgentSession, bob: User, status: str) -> None:
        job = make_job(session, status=status)

        with pytest.raises(AlreadyDelivered, match="The agent has this message already"):
            remove(session, job, bob)

        assert Job.objects.get().status == status

    def test_lets_a_session_that_had_not_begun_wait_for_a_message_again(
        self, organization: Organization, bob: User
    ) -> None:
        session = make_session(organization, status=SessionStatus.INITIALIZING)

        remove(session, make_job(session), bob)

        assert AgentSession.objects.get().status == SessionStatus.WAITING_INPUT


class TestSendNow:
    def test_goes_first_and_interrupts_what_runs_once(self, session: AgentSession) -> None:
        running, waiting = make_job(session, status=JobStatus.PROCESSING), make_job(session)

        hurry(session, waiting)
        Job.objects.filter(pk=running.pk).update(interrupt_requested_at=None)
        assert hurry(session, waiting).is_new is False

        waiting.refresh_from_db()
        running.refresh_from_db()
        assert waiting.is_urgent
        assert running.interrupt_requested_at is None  # the repetition did not interrupt again
        assert [event.payload["is_urgent"] for event in Event.objects.all()] == [True]

    def test_interrupts_nothing_but_this_session(self, session: AgentSession, organization: Organization) -> None:
        other = make_job(make_session(organization), status=JobStatus.PROCESSING)
        running = make_job(session, status=JobStatus.PROCESSING)

        hurry(session, make_job(session))

        running.refresh_from_db()
        other.refresh_from_db()
        assert running.interrupt_requested_at is not None
        assert other.interrupt_requested_at is None

    def test_is_the_same_as_sending_with_now(self, session: AgentSession, bob: User) -> None:
        running = make_job(session, status=JobStatus.PROCESSING)

        sent = services.send_message(session=session, author=bob, text="stop!", is_urgent=True, now=timezone.now())

        running.refresh_from_db()
        assert sent.job.is_urgent
        assert running.interrupt_requested_at is not None

    def test_refuses_what_the_agent_has(self, session: AgentSession) -> None:
        with pytest.raises(AlreadyDelivered):
            hurry(session, make_job(session, status=JobStatus.PROCESSING))


@pytest.mark.parametrize("act", [edit, remove])
class TestRace:
    def test_with_the_workers_claim_has_one_winner(
        self, session: AgentSession, bob: User, act: Callable[[AgentSession, Job, User], object]
    ) -> None:
        """The claim and the change take the same lock: whoever comes second sees what the first one did."""
        job = make_job(session)
        assert Job.objects.filter(pk=job.pk, status=JobStatus.PENDING).update(status=JobStatus.PROCESSING)

        with pytest.raises(Conflict):
            act(session, job, bob)

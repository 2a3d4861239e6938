"""Sending: once per id, also while a turn runs."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob
from structlog.contextvars import bound_contextvars

from accounts.errors import Invalid, NotFound, Unprocessable
from accounts.models import Organization, User
from sessions import services
from sessions.errors import MessageIdTaken, QueueFull
from sessions.models import AgentSession, Event, Job, JobStatus, Message
from sessions.services import Sent, messages
from tests.sessions.rows import make_job, make_session


@pytest.fixture
def session(organization: Organization) -> AgentSession:
    return make_session(organization)


def send(session: AgentSession, user: User, text: str = "hello", id: uuid.UUID | None = None) -> Sent:
    return services.send_message(session=session, author=user, text=text, message_id=id, now=timezone.now())


class TestSendMessage:
    def test_stores_message_job_events_and_task_together(self, session: AgentSession, bob: User) -> None:
        sent = send(session, bob)

        first, second = Event.objects.filter(session=session).order_by("seq")
        assert first.payload == {
            "message_id": str(sent.message.pk),
            "job_id": str(sent.job.pk),
            "text": "hello",
            "author": {"id": str(bob.pk), "name": "Bob"},
            "attachments": [],
        }
        assert (second.kind, second.payload["status"], second.job_id) == ("job.status", "PENDING", sent.job.pk)
        assert (sent.job.asked_by, sent.job.is_urgent, sent.job.admitted_at) == (bob.pk, False, None)

    def test_has_the_turn_admitted_once_it_is_committed(
        self, session: AgentSession, bob: User, django_capture_on_commit_callbacks: Any
    ) -> None:
        with django_capture_on_commit_callbacks(execute=True):
            sent = send(session, bob)
            assert not ProcrastinateJob.objects.exists()

        task = ProcrastinateJob.objects.get()
        assert task.args == {"session_id": str(session.pk), "job_id": str(sent.job.pk)}
        assert (task.task_name, task.queue_name, task.lock) == ("sessions.run_turn", "agents", f"session:{session.pk}")

    def test_notes_the_request_that_brought_it(self, session: AgentSession, bob: User) -> None:
        with bound_contextvars(request_id="r" * 100):
            assert send(session, bob).job.request_id == "r" * 64

    def test_gives_the_stored_answer_to_the_same_id(self, session: AgentSession, bob: User) -> None:
        id = uuid.uuid4()

        first, second = send(session, bob, id=id), send(session, bob, id=id)

        assert (first.is_new, second.is_new) == (True, False)
        assert (second.message.pk, second.job.pk) == (id, first.job.pk)
        assert Job.objects.count() == Message.objects.count() == 1

    def test_refuses_the_same_id_with_another_text(self, session: AgentSession, bob: User) -> None:
        id = uuid.uuid4()
        send(session, bob, id=id)

        with pytest.raises(MessageIdTaken):
            send(session, bob, text="other", id=id)

        assert Event.objects.count() == 2

    def test_refuses_an_id_of_another_session_and_changes_nothing(self, organization: Organization, bob: User) -> None:
        id = uuid.uuid4()
        send(make_session(organization), bob, id=id)
        other = make_session(organization)

        with pytest.raises(MessageIdTaken):
            send(other, bob, id=id)

        assert not Job.objects.filter(session=other).exists()

    def test_queues_behind_a_running_turn(self, session: AgentSession, bob: User) -> None:
        make_job(session, status=JobStatus.PROCESSING)

        assert send(session, bob).job.status == JobStatus.PENDING

    def test_refuses_more_than_the_queue_holds(self, session: AgentSession, bob: User) -> None:
        for _ in range(messages.MAX_WAITING):
            make_job(session)

        with pytest.raises(QueueFull):
            send(session, bob)

    def test_refuses_a_session_deleted_meanwhile(self, session: AgentSession, bob: User) -> None:
        services.delete_session(session=session, now=timezone.now())

        with pytest.raises(NotFound):
            send(session, bob)

    @pytest.mark.parametrize("text", ["", " \n\t"])
    def test_refuses_an_empty_text_as_unprocessable(self, session: AgentSession, bob: User, text: str) -> None:
        with pytest.raises(Unprocessable):
            send(session, bob, text)

    @pytest.mark.parametrize("text", ["a\0b", "a\ud800", "é" * (2**21 + 1)])
    def test_refuses_what_cannot_be_stored_or_is_too_long(self, session: AgentSession, bob: User, text: str) -> None:
        with pytest.raises(Invalid):
            send(session, bob, text)

        assert not Message.objects.exists()

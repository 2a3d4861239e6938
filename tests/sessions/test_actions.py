"""What each frame of the socket does: the same services as the API, with the frame's fields."""

from __future__ import annotations

import uuid
from datetime import datetime

import pytest
from django.utils import timezone

from accounts.models import Organization, User
from sessions import actions, protocol
from sessions.errors import AlreadyAnswered
from sessions.models import AgentSession, Job, JobStatus, Message, PermissionRequest, PermissionRule
from tests.sessions.rows import make_attachment, make_job, make_permission, make_session

SUGGESTION = {"type": "addRules", "rules": [{"toolName": "Read"}], "behavior": "allow", "destination": "session"}


@pytest.fixture
def session(organization: Organization) -> AgentSession:
    return make_session(organization)


@pytest.fixture
def now(db: None) -> datetime:
    return timezone.now()


class TestSend:
    def test_takes_images_and_hurry(self, session: AgentSession, bob: User, now: datetime) -> None:
        running, image = make_job(session, status=JobStatus.PROCESSING), make_attachment(session)
        frame = protocol.MessageFrame(text="look", attachments=[image.pk], now=True)

        actions.send(session, bob, frame, now)

        message = Message.objects.get(text="look")
        assert list(message.attachments.values_list("pk", flat=True)) == [image.pk]
        assert message.job.is_urgent
        running.refresh_from_db()
        assert running.interrupt_requested_at == now

    @pytest.mark.parametrize("mark", ["message_id", "id"])
    def test_sends_a_frame_that_comes_twice_once(
        self, session: AgentSession, bob: User, now: datetime, mark: str
    ) -> None:
        frame = protocol.MessageFrame.model_validate({"text": "hello", mark: str(uuid.uuid4())})

        for _ in range(2):
            actions.send(session, bob, frame, now)

        assert Message.objects.count() == 1


class TestStops:
    @pytest.mark.parametrize("verb", ["interrupt", "cancel"])
    def test_touch_no_later_turn_when_a_frame_comes_twice(
        self, session: AgentSession, bob: User, now: datetime, verb: str
    ) -> None:
        meant = make_job(session, status=JobStatus.PROCESSING)
        frame = protocol.CLIENT_FRAMES[verb].model_validate({"id": str(uuid.uuid4())})
        act = getattr(actions, verb)
        act(session, bob, frame, now)
        Job.objects.filter(pk=meant.pk).update(status=JobStatus.COMPLETED)
        later = make_job(session, status=JobStatus.PROCESSING)

        act(session, bob, frame, now)

        later.refresh_from_db()
        assert (later.status, later.interrupt_requested_at) == ("PROCESSING", None)

    def test_with_a_mark_that_is_no_uuid_mean_what_runs(self, session: AgentSession, bob: User, now: datetime) -> None:
        for _ in range(2):
            make_job(session, status=JobStatus.PROCESSING)
            actions.cancel(session, bob, protocol.CancelFrame(id=1), now)

        assert set(Job.objects.values_list("status", flat=True)) == {"CANCELLED"}


class TestAnswers:
    def test_keep_rules_where_they_are_wanted(self, session: AgentSession, bob: User, now: datetime) -> None:
        asked = make_permission(session, suggestions=[SUGGESTION])
        frame = protocol.ApproveFrame(permission_id=asked.pk, always=True, scope="project")

        actions.approve(session, bob, frame, now)

        assert PermissionRule.objects.get().session is None

    def test_name_who_was_first(self, session: AgentSession, alice: User, bob: User, now: datetime) -> None:
        asked = make_permission(session)
        actions.approve(session, alice, protocol.ApproveFrame(permission_id=asked.pk), now)

        with pytest.raises(AlreadyAnswered, match="Alice has already allowed this"):
            actions.deny(session, bob, protocol.DenyFrame(permission_id=asked.pk), now)

    def test_of_the_same_person_again_are_harmless(self, session: AgentSession, bob: User, now: datetime) -> None:
        asked = make_permission(session)

        for _ in range(2):
            actions.deny(session, bob, protocol.DenyFrame(permission_id=asked.pk, reason="no"), now)

        assert PermissionRequest.objects.get().status == "DENIED"

    def test_of_the_same_person_that_differ_are_told(self, session: AgentSession, bob: User, now: datetime) -> None:
        asked = make_permission(session)
        actions.deny(session, bob, protocol.DenyFrame(permission_id=asked.pk), now)

        with pytest.raises(AlreadyAnswered, match="Bob has already denied this"):
            actions.approve(session, bob, protocol.ApproveFrame(permission_id=asked.pk), now)


class TestInterrupt:
    def test_means_the_turn_that_the_frame_names(self, session: AgentSession, bob: User, now: datetime) -> None:
        over = make_job(session, status=JobStatus.COMPLETED)
        running = make_job(session, status=JobStatus.PROCESSING)

        actions.interrupt(session, bob, protocol.InterruptFrame(job_id=over.pk), now)
        assert Job.objects.get(pk=running.pk).interrupt_requested_at is None

        actions.interrupt(session, bob, protocol.InterruptFrame(), now)
        assert Job.objects.get(pk=running.pk).interrupt_requested_at == now

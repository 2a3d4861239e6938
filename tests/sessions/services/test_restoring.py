"""Asking for a checkpoint's working tree: when, by whom, and once."""

from __future__ import annotations

import uuid

import pytest
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob

from accounts.models import Organization, User
from environments.models import Environment
from sessions import dispatch, services
from sessions.errors import AtWork, CommandIdTaken
from sessions.models import AgentSession, Checkpoint, JobStatus, Restoration, RestorationStatus, SessionStatus
from tests.sessions.rows import make_job, make_session

NOW = timezone.now()


@pytest.fixture
def session(organization: Organization) -> AgentSession:
    return make_session(organization, status=SessionStatus.COMPLETED)


def checkpoint(session: AgentSession) -> Checkpoint:
    return Checkpoint.objects.create(
        organization=session.organization, session=session, commit="b" * 40, git_status="CLEAN"
    )


def ask(session: AgentSession, of: Checkpoint, by: User, key: uuid.UUID | None = None) -> Restoration:
    return services.restore_checkpoint(session=session, checkpoint=of, by=by, key=key, now=NOW)


def tasks() -> list[str]:
    return list(ProcrastinateJob.objects.filter(status="todo").values_list("task_name", flat=True))


class TestRestoreCheckpoint:
    def test_is_queued_with_the_sessions_lock(self, session: AgentSession, bob: User) -> None:
        made = ask(session, checkpoint(session), bob)

        assert (made.status, made.requested_by) == (RestorationStatus.PENDING, bob)
        assert ProcrastinateJob.objects.get().lock == f"session:{session.pk}"

    def test_the_same_key_again_asks_nothing_more(self, session: AgentSession, bob: User) -> None:
        key, of = uuid.uuid4(), checkpoint(session)

        assert ask(session, of, bob, key) == ask(session, of, bob, key)
        Restoration.objects.update(status=RestorationStatus.DONE)
        make_job(session)  # also later, when it would be refused

        assert ask(session, of, bob, key).status == RestorationStatus.DONE
        assert tasks() == ["sessions.restore_tree"]

    def test_a_key_means_one_thing(self, session: AgentSession, organization: Organization, bob: User) -> None:
        key, other = uuid.uuid4(), make_session(organization, status=SessionStatus.COMPLETED)
        ask(session, checkpoint(session), bob, key)

        for row in (session, other):
            with pytest.raises(CommandIdTaken):
                ask(row, checkpoint(row), bob, key)

    @pytest.mark.parametrize("status", [JobStatus.PENDING, JobStatus.PROCESSING])
    def test_is_refused_while_a_turn_runs_or_waits(self, session: AgentSession, bob: User, status: JobStatus) -> None:
        make_job(session, status=status)

        with pytest.raises(AtWork, match="Wait until it has finished"):
            ask(session, checkpoint(session), bob)

    def test_is_refused_while_a_cancelled_turn_is_being_ended(self, session: AgentSession, bob: User) -> None:
        AgentSession.objects.update(status=SessionStatus.RUNNING)

        with pytest.raises(AtWork):
            ask(session, checkpoint(session), bob)

    def test_is_refused_while_another_one_is_under_way(self, session: AgentSession, bob: User) -> None:
        ask(session, checkpoint(session), bob)

        with pytest.raises(AtWork, match="restored already"):
            ask(session, checkpoint(session), bob)

    def test_is_refused_while_the_session_is_moved(self, session: AgentSession, bob: User) -> None:
        elsewhere = Environment.objects.create(organization_id=session.organization_id, name="elsewhere", kind="HOST")
        services.move_session(session=session, environment=elsewhere, by=bob, now=NOW)

        with pytest.raises(AtWork, match="being moved"):
            ask(session, checkpoint(session), bob)


class TestRescue:
    def test_defers_what_no_task_will_come_to(self, session: AgentSession, bob: User) -> None:
        ask(session, checkpoint(session), bob)
        assert dispatch.rescue_restorations(now=NOW + 2 * dispatch.LOST_AFTER) == 0
        ProcrastinateJob.objects.all().update(status="failed")

        assert dispatch.rescue_restorations(now=NOW) == 0  # too early
        assert dispatch.rescue_restorations(now=NOW + 2 * dispatch.LOST_AFTER) == 1
        assert tasks() == ["sessions.restore_tree"]

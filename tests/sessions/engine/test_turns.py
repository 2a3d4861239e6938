"""Claiming turns: in the order of their messages, whatever became of the workers before."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from accounts.models import Organization
from gateway.models import UsageEntry
from sessions.engine import claims, turns
from sessions.engine.claims import Lease, Turn
from sessions.models import AgentSession, Job, JobStatus, PermissionRequest, PermissionStatus, SessionStatus
from tests.sessions.rows import make_job, make_permission, make_session


@pytest.fixture
def session(organization: Organization) -> AgentSession:
    return make_session(organization)


def claim(session: AgentSession, job: Job) -> Turn | None:
    return claims.claim(session_id=session.pk, job_id=job.pk, now=timezone.now())


def claimed(session: AgentSession, job: Job) -> Turn:
    turn = claim(session, job)
    assert turn is not None
    return turn


def end(turn: Turn, status: JobStatus = JobStatus.COMPLETED) -> None:
    turns.finish(turn, status, SessionStatus.COMPLETED, timezone.now())


class TestFinish:
    def test_counts_all_that_the_session_has_used(self, session: AgentSession) -> None:
        turn = claimed(session, make_job(session))
        now = timezone.now()
        for _ in range(2):
            UsageEntry.objects.create(
                organization=session.organization,
                subject_id=session.pk,
                model="m",
                status=200,
                input_tokens=10,
                cache_read_tokens=20,
                cache_write_tokens=5,
                output_tokens=3,
                cost_usd=Decimal("0.5"),
                finished_at=now,
            )

        end(turn)

        session.refresh_from_db()
        assert (session.input_tokens, session.output_tokens, session.cost_usd) == (70, 6, Decimal(1))


class TestWaiting:
    def test_is_shown_until_the_last_answer(self, session: AgentSession) -> None:
        turn = claimed(session, make_job(session))
        asked = [make_permission(session), make_permission(session)]

        assert shown(turn) == SessionStatus.WAITING_INPUT
        PermissionRequest.objects.filter(pk=asked[0].pk).update(status=PermissionStatus.ALLOWED)
        assert shown(turn) == SessionStatus.WAITING_INPUT
        PermissionRequest.objects.filter(pk=asked[1].pk).update(status=PermissionStatus.DENIED)
        assert shown(turn) == SessionStatus.RUNNING

    def test_is_not_shown_again_after_an_answer_of_that_moment(
        self, session: AgentSession, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        turn = claimed(session, make_job(session))
        asked = make_permission(session)
        lock = turns.locked_session

        def answered_meanwhile(lease: Lease) -> AgentSession:
            PermissionRequest.objects.filter(pk=asked.pk).update(status=PermissionStatus.ALLOWED)
            return lock(lease)

        monkeypatch.setattr(turns, "locked_session", answered_meanwhile)
        assert shown(turn) == SessionStatus.RUNNING


def shown(turn: Turn) -> str:
    turns.show_waiting(turn, SessionStatus.RUNNING, timezone.now())
    return AgentSession.objects.get(pk=turn.session_id).status


class TestClaim:
    def test_takes_the_job_that_was_asked_for_once(self, session: AgentSession) -> None:
        job = make_job(session)

        turn = claimed(session, job)
        end(turn)

        assert (turn.job_id, turn.epoch) == (job.pk, 1)
        assert claim(session, job) is None

    def test_takes_the_job_before_it_first_when_its_worker_left_it(self, session: AgentSession) -> None:
        first, second = make_job(session, "one"), make_job(session, "two")
        claimed(session, first)

        taken_over = claimed(session, second)
        end(taken_over)
        then = claimed(session, second)

        assert [taken_over.job_id, then.job_id] == [first.pk, second.pk]
        assert taken_over.epoch < then.epoch

    def test_leaves_later_jobs_to_their_own_turn(self, session: AgentSession) -> None:
        first, second = make_job(session, "one"), make_job(session, "two")

        end(claimed(session, first))

        assert claim(session, first) is None
        assert claimed(session, second).job_id == second.pk

    def test_goes_by_time_and_then_by_id(self, session: AgentSession) -> None:
        now = timezone.now()
        late, early, also_late = (make_job(session, created_at=now - timedelta(seconds=age)) for age in (0, 60, 0))

        taken = []
        while turn := claim(session, also_late):
            taken.append(turn.job_id)
            end(turn)

        assert taken == [early.pk, late.pk, also_late.pk]

    def test_winds_down_a_cancelled_job_whose_worker_died(self, session: AgentSession) -> None:
        job = make_job(session)
        claimed(session, job)
        Job.objects.filter(pk=job.pk).update(status=JobStatus.CANCELLED)

        turn = claimed(session, job)
        end(turn, JobStatus.CANCELLED)

        assert turn.is_cancelled
        assert claim(session, job) is None
        session.refresh_from_db()
        assert session.status == SessionStatus.COMPLETED

    def test_leaves_alone_what_was_cancelled_before_it_began(self, session: AgentSession) -> None:
        job = make_job(session, status=JobStatus.CANCELLED)

        assert claim(session, job) is None

    def test_takes_no_job_of_another_or_of_a_deleted_session(self, session: AgentSession) -> None:
        other = make_session(session.organization)
        mine, theirs = make_job(session), make_job(other)

        assert claim(session, theirs) is None
        AgentSession.objects.filter(pk=session.pk).update(deleted_at=timezone.now())
        assert claim(session, mine) is None

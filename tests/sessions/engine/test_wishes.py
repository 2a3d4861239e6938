"""One look tells of all agents that are served what people want of them."""

from __future__ import annotations

import uuid
from collections.abc import Callable

import pytest
from channels.db import database_sync_to_async as in_db
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import Organization
from sessions.engine import claims, wishes
from sessions.engine.claims import Turn
from sessions.errors import StaleEpoch
from sessions.live import doorbell
from sessions.models import AgentSession, Job, PermissionRule, PermissionStatus
from tests.sessions.rows import make_job, make_permission, make_session

OPTIONS = {"model": "sonnet", "permission_mode": "default", "rules": []}


def begun(organization: Organization) -> Turn:
    """A turn whose agent has all that it should have."""
    session = make_session(organization, agent_options=OPTIONS, permission_mode="default")
    turn = claims.claim(session_id=session.pk, job_id=make_job(session).pk, now=timezone.now())
    assert turn is not None
    return turn


def session_of(turn: Turn) -> AgentSession:
    return AgentSession.objects.get(pk=turn.session_id)


def changed(turn: Turn, **fields: object) -> None:
    AgentSession.objects.filter(pk=turn.session_id).update(**fields)


def answered(turn: Turn) -> None:
    make_permission(session_of(turn), status=PermissionStatus.ALLOWED, answered_at=timezone.now())


def asked(turn: Turn) -> None:
    make_permission(session_of(turn))


def interrupted(turn: Turn) -> None:
    Job.objects.filter(pk=turn.job_id).update(interrupt_requested_at=timezone.now())


def cancelled(turn: Turn) -> None:
    Job.objects.filter(pk=turn.job_id).update(status="CANCELLED")


def sent_now(turn: Turn) -> None:
    make_job(session_of(turn), is_urgent=True, admitted_at=timezone.now())


def given_rule(turn: Turn) -> None:
    session = session_of(turn)
    PermissionRule.objects.create(organization_id=turn.organization_id, project=session.project, rule="Bash(ls)")


WISHES: list[Callable[[Turn], None]] = [
    answered,
    asked,
    interrupted,
    cancelled,
    sent_now,
    given_rule,
    lambda turn: changed(turn, model="haiku"),
    lambda turn: changed(turn, permission_mode="plan"),
    lambda turn: changed(turn, status="WAITING_INPUT"),
]


class TestWants:
    def test_are_none_at_first(self, organization: Organization) -> None:
        assert not wishes.wants(begun(organization)).is_due

    @pytest.mark.parametrize("wish", WISHES)
    def test_are_due_for_the_session_that_they_are_meant_for(
        self, organization: Organization, wish: Callable[[Turn], None]
    ) -> None:
        one, other = begun(organization), begun(organization)

        wish(one)

        found = wishes.wants_of([one, other])
        assert [wanted is not None and wanted.is_due for wanted in found] == [True, False]

    def test_rule_of_another_session_is_not_meant(self, organization: Organization) -> None:
        one, other = begun(organization), begun(organization)
        session = session_of(other)
        project_id = session_of(one).project_id
        PermissionRule.objects.create(
            organization=organization, project_id=project_id, session=session, rule="Bash(ls)"
        )

        assert not wishes.wants(one).is_due

    def test_stale_lease_is_found(self, organization: Organization) -> None:
        one, other = begun(organization), begun(organization)
        changed(one, epoch=one.epoch + 1)

        assert [wanted is None for wanted in wishes.wants_of([one, other])] == [True, False]
        with pytest.raises(StaleEpoch):
            wishes.wants(one)

    def test_cost_no_more_queries_for_more_sessions(self, organization: Organization) -> None:
        served = [begun(organization) for _ in range(5)]

        with CaptureQueriesContext(
            connection,
        ) as few:
            wishes.wants_of(served[:1])
        with CaptureQueriesContext(connection) as many:
            wishes.wants_of(served)

        assert len(many) == len(few)


class TestServed:
    async def test_bell_rings_although_nobody_rang(self, organization: Organization) -> None:
        one, other = await in_db(begun)(organization), await in_db(begun)(organization)
        bells = [doorbell.listen(f"control.{uuid.uuid4().hex}") for _ in range(2)]

        all_wishes = wishes.wishes()
        async with bells[0] as bell, bells[1] as silent, all_wishes.served(one, bell), all_wishes.served(other, silent):
            await in_db(interrupted)(one)
            rung = await bell.wait(timeout_s=10)
            not_rung = await silent.wait(timeout_s=0.01)

        assert [message["type"] for message in rung] == ["session.control"]
        assert not_rung == []

    async def test_everybody_looks_while_the_database_cannot_tell(
        self, organization: Organization, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        turn = await in_db(begun)(organization)
        monkeypatch.setattr(wishes._Rows, "of", lambda leases: 1 / 0)

        async with doorbell.listen("control.x") as bell, wishes.wishes().served(turn, bell):
            assert await bell.wait(timeout_s=10)

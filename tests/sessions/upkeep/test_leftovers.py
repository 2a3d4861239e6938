"""The messes that crashes leave, made by hand: each is mended, twice does no harm, and what is in use is left alone."""

from __future__ import annotations

import os
import uuid
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from channels.db import database_sync_to_async as in_db
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob
from pytest_django.fixtures import Settings

from accounts.models import Organization
from environments.models import Environment, Machine
from gateway import services as gateway
from gateway.models import GatewayToken
from sessions.dispatch import defer_turn
from sessions.models import AgentSession, Event, PermissionRequest
from sessions.upkeep import leftovers
from tests.sessions.resting import play, tasks
from tests.sessions.rows import make_job, make_permission, make_session
from tests.sessions.stage import Stage

LATER = 2 * leftovers.SETTLED


def at(delta: timedelta = LATER) -> datetime:
    return timezone.now() + delta


def forgotten(organization: Organization, **fields: Any) -> AgentSession:
    return make_session(organization, **{"status": "RUNNING", "epoch": 4} | fields)


class TestSettleSessions:
    @pytest.mark.parametrize(
        ("job", "shown"),
        [
            ({"status": "COMPLETED"}, ("COMPLETED", "")),
            ({"status": "CANCELLED"}, ("COMPLETED", "")),
            ({"status": "FAILED", "error": "No room."}, ("ERROR", "No room.")),
            ({"status": "FAILED"}, ("ERROR", leftovers.INTERRUPTED)),
        ],
    )
    def test_shows_what_the_last_job_came_to(
        self, organization: Organization, job: dict[str, str], shown: tuple[str, str]
    ) -> None:
        session = forgotten(organization)
        make_job(session, **job)

        mended = [leftovers.settle_sessions(now=at()) for _ in range(2)]
        session.refresh_from_db()

        assert mended == [1, 0]
        assert (session.status, session.status_reason, session.epoch) == (*shown, 5)
        assert Event.objects.filter(session=session, kind="session.status").count() == 1

    def test_withdraws_what_nobody_can_answer(self, organization: Organization) -> None:
        session = forgotten(organization, status="WAITING_INPUT")
        make_job(session, status="COMPLETED")
        make_permission(session)

        leftovers.settle_sessions(now=at())

        session.refresh_from_db()
        assert (session.status, PermissionRequest.objects.get().status) == ("COMPLETED", "CANCELLED")

    def test_leaves_a_new_session_waiting_for_its_first_message(self, organization: Organization) -> None:
        make_session(organization, status="WAITING_INPUT")
        never_begun = forgotten(organization, status="INITIALIZING")

        assert leftovers.settle_sessions(now=at()) == 1
        never_begun.refresh_from_db()
        assert never_begun.status == "WAITING_INPUT"

    @pytest.mark.parametrize("status", ["PENDING", "PROCESSING"])
    def test_leaves_sessions_with_a_job_that_is_not_over(self, organization: Organization, status: str) -> None:
        make_job(forgotten(organization), status=status)

        assert leftovers.settle_sessions(now=at()) == 0

    def test_leaves_sessions_that_a_worker_holds_or_that_have_just_changed(self, organization: Organization) -> None:
        held, fresh = forgotten(organization), forgotten(organization)
        defer_turn(held.pk, make_job(held, status="COMPLETED").pk)

        assert leftovers.settle_sessions(now=timezone.now()) == 0
        assert leftovers.settle_sessions(now=at()) == 1
        held.refresh_from_db()
        fresh.refresh_from_db()
        assert (held.status, fresh.status) == ("RUNNING", "WAITING_INPUT")


class TestEndMachines:
    async def test_ends_one_that_belongs_to_no_session(self, stage: Stage) -> None:
        await play(stage)
        await AgentSession.objects.aupdate(machine=None)

        mended = [await in_db(leftovers.end_machines)(now=at()) for _ in range(2)]

        assert (mended, (await Machine.objects.aget()).reason) == ([1, 0], "No session uses it.")

    @pytest.mark.parametrize(
        ("fields", "task"),
        [
            ({"status": "STOPPED"}, "sessions.stop_session"),
            ({"deleted_at": timezone.now()}, "sessions.cleanup_session"),
        ],
    )
    async def test_ends_one_whose_session_is_over(self, stage: Stage, fields: dict[str, Any], task: str) -> None:
        await play(stage)
        await AgentSession.with_deleted.aupdate(**fields)

        mended = [await in_db(leftovers.end_machines)(now=at()) for _ in range(2)]

        assert (mended, await in_db(tasks)()) == ([1, 0], [task])

    async def test_leaves_one_that_is_in_use(self, stage: Stage) -> None:
        await play(stage)

        assert await in_db(leftovers.end_machines)(now=at()) == 0


class TestLeaveEnvironments:
    @pytest.mark.parametrize("what", ["environment", "organisation"])
    async def test_stops_by_force_what_should_have_stopped(self, stage: Stage, what: str) -> None:
        await play(stage)
        before = await in_db(leftovers.leave_environments)(now=at())
        if what == "environment":
            await Environment.objects.aupdate(is_default=False, deleted_at=timezone.now())
        else:
            await Organization.objects.aupdate(suspended_at=timezone.now())
        young = await in_db(leftovers.leave_environments)(now=timezone.now())

        found = [await in_db(leftovers.leave_environments)(now=at()) for _ in range(2)]

        assert (before, young, found) == (0, 0, [1, 0])
        task = await ProcrastinateJob.objects.aget(status="todo")
        assert (task.task_name, task.args["is_forced"]) == ("sessions.stop_session", True)


class TestRevokeTokens:
    @pytest.mark.parametrize("fields", [{"status": "STOPPED"}, {"deleted_at": timezone.now()}])
    def test_closes_the_gateway_to_sessions_that_are_over(
        self, organization: Organization, fields: dict[str, Any]
    ) -> None:
        working, over = make_session(organization), make_session(organization, **fields)
        for subject_id in (working.pk, over.pk, uuid.uuid4()):
            gateway.issue_token(organization_id=organization.pk, subject_id=subject_id, now=timezone.now())

        mended = [leftovers.revoke_tokens(now=at()) for _ in range(2)]

        assert mended == [2, 0]
        assert [token.subject_id for token in GatewayToken.objects.live(at())] == [working.pk]


class TestSweepPacks:
    def test_removes_packs_that_are_nobodys(self, settings: Settings, tmp_path: Path) -> None:
        settings.DATA_DIR = tmp_path
        (tmp_path / "incoming").mkdir()
        old, new = tmp_path / "incoming" / "a.pack", tmp_path / "incoming" / "b.pack"
        for path in (old, new):
            path.write_bytes(b"PACK")
        os.utime(old, (0, 0))

        assert [leftovers.sweep_packs(now=timezone.now()) for _ in range(2)] == [1, 0]
        assert (old.exists(), new.exists()) == (False, True)

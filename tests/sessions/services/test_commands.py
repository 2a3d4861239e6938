"""What is remembered of commands, and for how long."""

from __future__ import annotations

import uuid
from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.models import Organization
from sessions import services
from sessions.errors import CommandIdTaken, NothingRunning, QueueFull
from sessions.models import AgentSession, Command, Job, JobStatus
from sessions.services import commands
from tests.sessions.rows import make_job, make_session


@pytest.fixture
def session(organization: Organization) -> AgentSession:
    return make_session(organization, status="RUNNING")


class TestOnce:
    def test_keeps_what_was_done_and_what_was_refused(self, session: AgentSession) -> None:
        done, refused = uuid.uuid4(), uuid.uuid4()
        make_job(session, status=JobStatus.PROCESSING)

        services.cancel(session=session, key=done, now=timezone.now())
        with pytest.raises(NothingRunning):
            services.cancel(session=session, key=refused, now=timezone.now())

        rows = Command.objects.filter(session=session).values_list("key", "what", "refusal")
        assert set(rows) == {(done, "cancel", ""), (refused, "cancel", "NothingRunning")}

    def test_keeps_nothing_of_what_failed_for_another_reason(self, session: AgentSession) -> None:
        def fail(row: AgentSession) -> None:
            make_job(row)
            raise QueueFull

        with pytest.raises(QueueFull):
            commands.once(session=session, key=uuid.uuid4(), what="restart", act=fail)

        assert not Command.objects.exists()
        assert not Job.objects.exists()

    def test_keeps_nothing_without_a_key(self, session: AgentSession) -> None:
        services.stop_session(session=session, now=timezone.now())

        assert not Command.objects.exists()

    def test_refuses_a_key_that_meant_something_else(self, session: AgentSession) -> None:
        key = uuid.uuid4()
        services.stop_session(session=session, key=key, now=timezone.now())

        with pytest.raises(CommandIdTaken):
            services.cancel(session=session, key=key, now=timezone.now())


class TestPruneCommands:
    def test_forgets_what_is_a_week_old(self, session: AgentSession) -> None:
        key, now = uuid.uuid4(), timezone.now()
        services.stop_session(session=session, key=key, now=now)

        pruned = [services.prune_commands(now=now + timedelta(days=days)) for days in (6, 8, 8)]

        assert pruned == [0, 1, 0]

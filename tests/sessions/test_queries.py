"""Reads of sessions while others write: what one answer tells is true of one moment."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg
from django.db import connection
from django.utils import timezone

from accounts.models import Organization, User
from sessions.log.writer import django_conninfo
from sessions.models import AgentSession, JobStatus, SessionStatus
from tests.client import ApiClient
from tests.sessions.rows import make_job, make_session

END = """
with job as (update agent_sessions_job set status = 'COMPLETED' where session_id = %(id)s)
update agent_sessions_agentsession set status = 'COMPLETED' where id = %(id)s
"""


class EndOfATurn:
    """Ends the session's turn on another connection, just before its jobs are read here."""

    def __init__(self, session: AgentSession) -> None:
        self.session, self.has_come = session, False

    def __call__(self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        if not self.has_come and 'FROM "agent_sessions_job"' in sql:
            self.has_come = True
            with psycopg.connect(django_conninfo()) as other:
                other.execute(END, {"id": self.session.pk})
        return execute(sql, params, many, context)


class TestOneMoment:
    def test_session_and_its_jobs_agree_although_a_turn_ends_between_the_reads(
        self, transactional_db: None, api: Callable[..., ApiClient], alice: User, organization: Organization
    ) -> None:
        session = make_session(organization, status=SessionStatus.RUNNING)
        make_job(session, status=JobStatus.PROCESSING, admitted_at=timezone.now())
        end = EndOfATurn(session)

        with connection.execute_wrapper(end):
            before = api(alice).get(f"/sessions/{session.pk}").json()
        after = api(alice).get(f"/sessions/{session.pk}").json()

        assert end.has_come
        assert (before["status"], before["active_job"]["status"]) == ("RUNNING", "PROCESSING")
        assert (after["status"], after["active_job"]) == ("COMPLETED", None)

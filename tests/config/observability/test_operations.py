"""The operator's page: who may see it, what it shows, and what its buttons do."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.db import DatabaseError, connection
from django.test import Client
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob

from accounts.models import Organization, User
from config.models import ErrorReport
from config.observability import operations
from gateway.models import UsageEntry
from sessions import dispatch
from sessions.models import AgentSession, JobStatus, SessionStatus
from tests import factories
from tests.sessions import rows

PATH = "/admin/operations/"


def staff(*permissions: str) -> User:
    user = factories.make_user("olga@example.com", "Olga")
    user.is_staff = True
    user.save()
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    return user


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def operator(db: None) -> Client:
    return signed_in(staff("view_agentsession", "change_agentsession"))


@pytest.fixture
def session(organization: Organization) -> AgentSession:
    return rows.make_session(organization, name="the stuck one", status=SessionStatus.RUNNING)


def held_task(session: AgentSession) -> int:
    """A task of the session that a worker has taken."""
    job = rows.make_job(session, status=JobStatus.PROCESSING, started_at=timezone.now())
    dispatch.defer_turn(session.pk, job.pk)
    with connection.cursor() as cursor:
        cursor.execute("insert into procrastinate_workers (last_heartbeat) values (now()) returning id")
        row = cursor.fetchone()
        assert row is not None
        cursor.execute("update procrastinate_jobs set status = 'doing', worker_id = %s returning id", [row[0]])
        task = cursor.fetchone()
        assert task is not None
    return int(task[0])


class TestAccess:
    @pytest.mark.parametrize("permissions", [(), ("view_job",)])
    def test_staff_without_the_right_sees_nothing(self, db: None, permissions: tuple[str, ...]) -> None:
        assert signed_in(staff(*permissions)).get(PATH).status_code == 403

    def test_owners_of_organisations_are_no_operators(self, alice: User) -> None:
        assert signed_in(alice).get(PATH).status_code == 302

    def test_the_anonymous_are_sent_to_sign_in(self, db: None) -> None:
        assert "login" in Client().get(PATH)["Location"]

    @pytest.mark.parametrize("action", ["stop", "hand_over"])
    def test_who_may_only_look_changes_nothing(self, session: AgentSession, action: str) -> None:
        client = signed_in(staff("view_agentsession"))
        rows.make_job(session)

        response = client.post(PATH, {"action": action, "session": str(session.pk)}, follow=True)

        assert "You may not do this." in response.content.decode()
        assert session.jobs.get().status == JobStatus.PENDING
        assert b"Stop the session" not in client.get(PATH).content


class TestPage:
    def test_shows_what_lives_waits_fails_and_costs(self, operator: Client, session: AgentSession) -> None:
        held_task(session)
        rows.make_job(session, status=JobStatus.FAILED, finished_at=timezone.now(), error="<b>out of memory</b>")
        UsageEntry.objects.create(
            organization_id=session.organization_id,
            subject_id=session.pk,
            model="sonnet",
            cost_usd=Decimal("1.25"),
            created_at=timezone.now(),
        )
        ErrorReport.objects.create(
            fingerprint="f", logger="x", event="turn broke", first_seen_at=timezone.now(), last_seen_at=timezone.now()
        )

        page = operator.get(PATH).content.decode()

        for text in ("the stuck one", "turn broke", "$1.25", "acme", "Queue again", "database"):
            assert text in page, text
        assert "&lt;b&gt;out of memory" in page
        assert "None is alive" not in page

    def test_says_that_no_worker_lives(self, operator: Client) -> None:
        assert "None is alive" in operator.get(PATH).content.decode()

    def test_is_linked_from_the_admins_first_page(self, operator: Client) -> None:
        assert PATH in operator.get("/admin/").content.decode()

    def test_shows_what_it_can_when_counting_takes_too_long(
        self, operator: Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def slow() -> None:
            raise DatabaseError("canceling statement due to statement timeout")

        monkeypatch.setattr(operations, "figures", slow)
        response = operator.get(PATH)

        assert response.status_code == 200
        assert "could not be counted" in response.content.decode()

    def test_asks_a_fixed_number_of_questions(
        self, operator: Client, organization: Organization, django_assert_max_num_queries: Any
    ) -> None:
        for _ in range(5):
            rows.make_job(rows.make_session(organization), status=JobStatus.PROCESSING, started_at=timezone.now())
        with django_assert_max_num_queries(40):
            operator.get(PATH)


class TestActions:
    def post(self, client: Client, action: str, session: str) -> str:
        return client.post(PATH, {"action": action, "session": session}, follow=True).content.decode()

    def test_a_stuck_turn_goes_back_to_the_queue(self, operator: Client, session: AgentSession) -> None:
        task = held_task(session)

        said = self.post(operator, "hand_over", str(session.pk))

        assert "1 turn was queued again." in said
        assert ProcrastinateJob.objects.get(pk=task).status == "todo"

    def test_stopping_cancels_what_runs(self, operator: Client, session: AgentSession) -> None:
        held_task(session)

        assert "is being stopped" in self.post(operator, "stop", str(session.pk))

        assert session.jobs.get().status == JobStatus.CANCELLED
        assert ProcrastinateJob.objects.filter(task_name="sessions.stop_session").count() == 1

    @pytest.mark.parametrize("id", ["", "nonsense", "0199aaaa-0000-7000-8000-000000000000"])
    def test_an_unknown_session_is_said(self, operator: Client, id: str) -> None:
        assert "no such session" in self.post(operator, "stop", id)

    def test_an_unknown_action_is_refused(self, operator: Client, session: AgentSession) -> None:
        assert "You may not do this." in self.post(operator, "drop", str(session.pk))


class TestErrorReports:
    def test_can_be_read_and_deleted_but_not_written(self, db: None) -> None:
        client = signed_in(staff("view_errorreport", "delete_errorreport", "add_errorreport", "change_errorreport"))
        moment = timezone.now()
        report = ErrorReport.objects.create(
            fingerprint="f", logger="x", event="broke", traceback="<script>", first_seen_at=moment, last_seen_at=moment
        )

        page = client.get(f"/admin/config/errorreport/{report.pk}/change/").content.decode()

        assert "&lt;script&gt;" in page
        assert 'name="_save"' not in page
        assert client.get("/admin/config/errorreport/add/").status_code == 403
        client.post(f"/admin/config/errorreport/{report.pk}/delete/", {"post": "yes"})
        assert not ErrorReport.objects.exists()

"""The fair queue: who begins next when not all can."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob
from pytest_django.fixtures import Settings

from accounts.models import Organization, User
from sessions import dispatch
from sessions.models import AgentSession, Job, JobStatus, SessionStatus
from tests.concurrency import at_once
from tests.sessions.rows import make_job, make_project, make_session

START = timezone.now() - timedelta(hours=1)


@pytest.fixture
def others(charlie: User) -> Organization:
    return charlie.organizations.get()


class Queue:
    """Turns that wait, named by what their message says; each in a session of its own unless one is given."""

    def __init__(self) -> None:
        self.count = 0

    def add(self, name: str, user: User, organization: Organization, **fields: Any) -> Job:
        self.count += 1
        session = fields.pop("session", None) or make_session(organization)
        at = START + timedelta(seconds=self.count)
        return make_job(session, name, asked_by=user.pk, created_at=at, **fields)

    def admit(self) -> list[str]:
        """What begins now."""
        before = set(Job.objects.exclude(admitted_at=None).values_list("pk", flat=True))
        dispatch.admit()
        new = Job.objects.exclude(admitted_at=None).exclude(pk__in=before).select_related("message")
        return sorted(job.message.text for job in new)

    def end(self, *names: str) -> None:
        Job.objects.filter(message__text__in=names).update(status=JobStatus.COMPLETED)

    def drain(self) -> list[str]:
        """All of it in order, where one may work at a time."""
        order = []
        while began := self.admit():
            assert len(began) == 1
            order += began
            self.end(*began)
        return order


@pytest.fixture
def queue() -> Queue:
    return Queue()


def crowd(user: User, organization: Organization, sessions: int, turns: int) -> None:
    """So many turns of one user wait in so many sessions."""
    project = make_project(organization)
    rows = [
        AgentSession(
            organization=organization, project=project, name=f"crowd {number}", branch=f"crowd-{number}", model="sonnet"
        )
        for number in range(sessions)
    ]
    AgentSession.objects.bulk_create(rows)
    Job.objects.bulk_create(
        Job(organization=organization, session=row, asked_by=user.pk, created_at=START + timedelta(seconds=number))
        for number in range(turns)
        for row in rows
    )


class TestAdmit:
    def test_lets_all_begin_where_there_is_room_each_with_its_task(
        self, queue: Queue, alice: User, organization: Organization
    ) -> None:
        jobs = [queue.add(name, alice, organization) for name in "ab"]

        assert queue.admit() == ["a", "b"]
        tasks = {UUID(task.args["job_id"]): task.lock for task in ProcrastinateJob.objects.all()}
        assert tasks == {job.pk: f"session:{job.session_id}" for job in jobs}
        assert queue.admit() == []

    def test_lets_one_turn_of_a_session_begin_after_the_other(
        self, queue: Queue, alice: User, bob: User, organization: Organization
    ) -> None:
        session = make_session(organization)
        queue.add("first", alice, organization, session=session)
        queue.add("second", bob, organization, session=session)

        assert queue.admit() == ["first"]
        Job.objects.filter(message__text="first").update(status=JobStatus.PROCESSING)
        assert queue.admit() == []
        queue.end("first")
        assert queue.admit() == ["second"]

    def test_lets_an_urgent_turn_in_beside_the_one_that_it_interrupts(
        self, queue: Queue, alice: User, organization: Organization, settings: Settings
    ) -> None:
        settings.RUNNING_TURNS = 1
        session = make_session(organization)
        for name in ("runs", "waits", "now"):
            queue.add(name, alice, organization, session=session, is_urgent=name == "now")

        assert queue.admit() == ["now"]
        queue.end("now")
        assert queue.admit() == ["runs"]
        queue.add("again", alice, organization, session=session, is_urgent=True)
        assert queue.admit() == ["again"]
        queue.end("runs", "again")
        assert queue.admit() == ["waits"]

    @pytest.mark.parametrize("status", [JobStatus.CANCELLED, JobStatus.FAILED, JobStatus.COMPLETED])
    def test_gives_the_place_on_when_a_turn_is_over_however_it_ended(
        self, queue: Queue, alice: User, organization: Organization, settings: Settings, status: JobStatus
    ) -> None:
        settings.RUNNING_TURNS = 1
        queue.add("a", alice, organization)
        queue.add("b", alice, organization)

        assert queue.admit() == ["a"]
        assert queue.admit() == []
        Job.objects.filter(message__text="a").update(status=status)
        assert queue.admit() == ["b"]

    def test_does_not_let_a_cancelled_turn_begin(self, queue: Queue, alice: User, organization: Organization) -> None:
        queue.add("cancelled", alice, organization, status=JobStatus.CANCELLED)

        assert queue.admit() == []

    def test_takes_nothing_of_a_suspended_organisation(
        self, queue: Queue, alice: User, organization: Organization
    ) -> None:
        queue.add("a", alice, organization)
        Organization.objects.update(suspended_at=timezone.now())

        assert queue.admit() == []


class TestFairness:
    @pytest.fixture(autouse=True)
    def _one_at_a_time(self, settings: Settings) -> None:
        settings.RUNNING_TURNS = 1

    def test_goes_round_between_organisations_and_within_one_between_users(
        self, queue: Queue, alice: User, bob: User, charlie: User, organization: Organization, others: Organization
    ) -> None:
        for name in ("a1", "a2", "a3", "a4"):
            queue.add(name, alice, organization)
        for name in ("b1", "b2"):
            queue.add(name, bob, organization)
        for name in ("c1", "c2", "c3"):
            queue.add(name, charlie, others)

        order = queue.drain()

        assert order[:6:2] in (["a1", "b1", "a2"], ["c1", "c2", "c3"])
        assert [name for name in order if name[0] != "c"] in (
            ["a1", "b1", "a2", "b2", "a3", "a4"],
            ["b1", "a1", "b2", "a2", "a3", "a4"],
        )
        assert {order[0][0], order[1][0]} != {"a", "b"}
        assert [name for name in order[:6] if name[0] == "c"] == ["c1", "c2", "c3"]

    def test_serves_the_one_with_less_work_first(
        self,
        queue: Queue,
        alice: User,
        charlie: User,
        organization: Organization,
        others: Organization,
        settings: Settings,
    ) -> None:
        settings.RUNNING_TURNS = 3
        for name in ("a1", "a2", "a3", "a4"):
            queue.add(name, alice, organization)
        assert queue.admit() == ["a1", "a2", "a3"]
        queue.add("c1", charlie, others)
        queue.add("c2", charlie, others)

        queue.end("a1")
        assert queue.admit() == ["c1"]
        queue.end("a2")
        assert queue.admit() in (["a4"], ["c2"])

    def test_admits_another_tenants_first_turn_next_whatever_the_crowd(
        self, queue: Queue, alice: User, charlie: User, organization: Organization, others: Organization
    ) -> None:
        crowd(alice, organization, sessions=200, turns=50)
        assert dispatch.admit() == 1
        assert dispatch.admit() == 0
        queue.add("charlie's first", charlie, others)

        Job.objects.filter(admitted_at__isnull=False).update(status=JobStatus.COMPLETED)

        assert queue.admit() == ["charlie's first"]

    def test_reads_no_more_for_a_crowd_than_for_a_few(
        self, queue: Queue, alice: User, charlie: User, organization: Organization, others: Organization
    ) -> None:
        crowd(alice, organization, sessions=200, turns=50)
        queue.add("c", charlie, others)
        with connection.cursor() as cursor:
            cursor.execute("analyze agent_sessions_job")
            cursor.execute("analyze agent_sessions_agentsession")
        with CaptureQueriesContext(connection) as done:
            assert dispatch.admit() == 1
        statements = [
            query["sql"] for query in done.captured_queries if query["sql"].lstrip().startswith(("select", "with"))
        ]

        assert len(statements) >= 4
        for statement in statements:
            with connection.cursor() as cursor:
                cursor.execute("explain (analyze, timing off, format json) " + statement)
                assert rows_read(cursor.fetchone()[0][0]["Plan"]) < 500, statement


def rows_read(plan: dict[str, Any]) -> float:
    """Rows that the leaves of a plan brought and dropped."""
    below = sum(rows_read(part) for part in plan.get("Plans", []))
    if not plan["Node Type"].endswith("Scan") or "Relation Name" not in plan:
        return below
    touched = plan["Actual Rows"] + plan.get("Rows Removed by Filter", 0) + plan.get("Heap Fetches", 0)
    return float(below + touched * plan["Actual Loops"])


class TestLimits:
    def test_of_an_organisation_and_of_a_user_hold(
        self, queue: Queue, alice: User, bob: User, organization: Organization, settings: Settings
    ) -> None:
        settings.TURNS_PER_ORGANIZATION, settings.TURNS_PER_USER = 3, 2
        for number in range(4):
            queue.add(f"a{number}", alice, organization)
        for number in range(4):
            queue.add(f"b{number}", bob, organization)

        began = queue.admit()

        assert len(began) == 3
        assert sorted(name[0] for name in began) in (["a", "a", "b"], ["a", "b", "b"])

    def test_may_differ_for_one_organisation(
        self,
        queue: Queue,
        alice: User,
        charlie: User,
        organization: Organization,
        others: Organization,
        settings: Settings,
    ) -> None:
        settings.TURNS_PER_ORGANIZATION, settings.TURNS_PER_USER = 2, 1
        Organization.objects.filter(pk=organization.pk).update(turn_limit=3, user_turn_limit=3)
        for number in range(4):
            queue.add(f"a{number}", alice, organization)
            queue.add(f"c{number}", charlie, others)

        assert queue.admit() == ["a0", "a1", "a2", "c0"]

    def test_do_not_count_what_waits_for_a_person_up_to_a_bound(
        self, queue: Queue, alice: User, organization: Organization, settings: Settings
    ) -> None:
        settings.RUNNING_TURNS = settings.TURNS_PER_USER = 1
        for number in range(7):
            queue.add(str(number), alice, organization)
        for number in range(5):
            assert queue.admit() == [str(number)]
            waiting = Job.objects.filter(message__text=str(number))
            waiting.update(status=JobStatus.PROCESSING)
            AgentSession.objects.filter(jobs__in=waiting).update(status=SessionStatus.WAITING_INPUT)

        assert queue.admit() == []
        queue.end("3")
        assert queue.admit() == ["5"]


class TestPlaces:
    def test_count_from_one_in_the_order_of_admission(
        self,
        queue: Queue,
        alice: User,
        charlie: User,
        organization: Organization,
        others: Organization,
        settings: Settings,
    ) -> None:
        settings.RUNNING_TURNS = 1
        jobs = [queue.add(name, alice, organization) for name in ("a0", "a1", "a2")]
        jobs += [queue.add(name, charlie, others) for name in ("c1", "c2")]
        assert queue.admit() == ["a0"]

        places = dispatch.places([job.session_id for job in jobs])

        named = {job.message.text: places.get(job.pk) for job in jobs}
        assert named == {"a0": None, "a1": 1, "c1": 2, "a2": 3, "c2": 4}

    def test_are_told_of_the_sessions_asked_for_only(
        self, queue: Queue, alice: User, organization: Organization
    ) -> None:
        queue.add("a", alice, organization)
        other = queue.add("b", alice, organization)

        assert dispatch.places([other.session_id]) == {other.pk: 2}
        assert dispatch.places([]) == {}

    def test_are_not_given_to_turns_behind_their_own_session(
        self, queue: Queue, alice: User, organization: Organization
    ) -> None:
        session = make_session(organization)
        queue.add("a", alice, organization, session=session)
        queue.add("b", alice, organization, session=session)
        queue.admit()

        assert dispatch.places([session.pk]) == {}


@pytest.mark.django_db(transaction=True)
class TestAtOnce:
    def test_many_admissions_admit_each_turn_once_and_keep_the_limits(
        self, queue: Queue, alice: User, organization: Organization, settings: Settings
    ) -> None:
        settings.RUNNING_TURNS = 5
        for number in range(12):
            queue.add(str(number), alice, organization)

        counts = at_once(*[dispatch.admit] * 8)

        assert sum(counts) == 5
        assert ProcrastinateJob.objects.count() == 5

    def test_enqueue_admits_on_commit_and_not_before(self, alice: User, organization: Organization) -> None:
        from django.db import transaction

        with transaction.atomic():
            job = make_job(make_session(organization), asked_by=alice.pk)
            for _ in range(3):
                dispatch.enqueue(job.session_id)
            assert ProcrastinateJob.objects.count() == 0
        assert ProcrastinateJob.objects.count() == 1
        assert Job.objects.get().admitted_at is not None

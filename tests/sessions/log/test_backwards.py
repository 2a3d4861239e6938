"""The log read backwards: nothing lost, nothing twice, and each page has what it refers to."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from pytest_django.fixtures import DjangoAssertNumQueries

from accounts.models import Organization, User
from sessions import log, queries, services
from sessions.events import Entry
from sessions.log import backwards
from sessions.models import AgentSession, ArchivedEvents, Job, JobStatus
from sessions.services import archiving, entries
from tests.client import ApiClient
from tests.sessions.rows import make_job, make_permission, make_session

Json = dict[str, Any]
END = 2**53


def write(session: AgentSession, *new: Entry, job: Job | None = None) -> None:
    log.append(session, new, job_id=job.pk if job else None, now=timezone.now())


def said(text: str = "x") -> Entry:
    return Entry("assistant.text", {"block": uuid.uuid4().hex, "parent": None, "text": text})


def call(id: str, parent: str | None = None) -> Entry:
    return Entry("tool.call", {"call_id": id, "parent": parent, "name": "Bash", "input": {}})


def result(id: str, parent: str | None = None) -> Entry:
    told = {"is_error": False, "text": "", "is_truncated": False, "images": [], "patch": None}
    return Entry("tool.result", {"call_id": id, "parent": parent, **told})


def asked(id: uuid.UUID) -> Entry:
    told: Json = {"tool": "Bash", "input": {}, "description": "", "suggestions": [], "cwd": "", "parent": None}
    return Entry("permission.requested", {"id": str(id), "kind": "TOOL", **told})


def answered(id: uuid.UUID) -> Entry:
    return Entry("permission.resolved", {"id": str(id), "status": "ALLOWED", "reason": "", "by": None, "rules": []})


def send(session: AgentSession, text: str = "go") -> Job:
    job = make_job(session, text)
    write(session, entries.user_message(job.message, None), entries.job_status(job), job=job)
    return job


def becomes(session: AgentSession, job: Job, status: JobStatus, progress: int = 0) -> None:
    job.status, job.progress = status, progress
    job.save()
    write(session, entries.job_status(job), entries.session_status(session), job=job)


def turn(session: AgentSession, *inside: Entry, job: Job | None = None) -> Job:
    """A whole turn, as it is logged."""
    job = job or send(session)
    becomes(session, job, JobStatus.PROCESSING)
    becomes(session, job, JobStatus.PROCESSING, 20)
    write(session, *inside, job=job)
    becomes(session, job, JobStatus.COMPLETED, 100)
    return job


def eventful(session: AgentSession) -> None:
    """All that refers to something before it."""
    turn(session, said(), call("a"), call("b"), result("b"), result("a"))
    running = send(session)
    becomes(session, running, JobStatus.PROCESSING)
    waiting = send(session, "later")
    write(session, entries.message_edited(waiting.message, User(pk=uuid.uuid4(), name="Bob")), job=waiting)
    first, second = uuid.uuid4(), uuid.uuid4()
    write(session, call("agent"), call("deep", "agent"), call("inner", "deep"), asked(first), job=running)
    write(session, asked(second), answered(first), result("inner", "deep"), answered(second), job=running)
    write(session, result("deep", "agent"), said(), result("agent"), job=running)
    becomes(session, running, JobStatus.COMPLETED)
    own = Job.objects.create(organization_id=session.organization_id, session=session, trigger="AGENT")
    turn(session, said(), said(), job=own)
    turn(session, *[said() for _ in range(6)], job=waiting)


def pack(session: AgentSession, stretches: int) -> None:
    AgentSession.objects.filter(pk=session.pk).update(updated_at=timezone.now() - timedelta(days=40))
    for _ in range(stretches):
        assert services.archive_stretch(session_id=session.pk, now=timezone.now())


def page(session: AgentSession, before: int = END, limit: int = 100) -> backwards.LogPage:
    session.refresh_from_db()
    with queries.one_moment():
        return queries.page_before(session, before, limit)


def all_pages(session: AgentSession, limit: int) -> list[backwards.LogPage]:
    """From the newest to the oldest, as a reader scrolls."""
    found = [page(session, limit=limit)]
    while found[-1].has_more:
        found.append(page(session, found[-1].items[0]["seq"], limit))
    return found


def require_whole(shown: list[Json]) -> None:
    """Whatever refers to something has that before it."""
    calls, permissions, messages, begun = {None}, set(), {None}, set()
    for event in shown:
        kind, payload = event["kind"], event["payload"]
        assert payload.get("parent") in calls
        match kind:
            case "tool.call":
                calls.add(payload["call_id"])
            case "tool.result":
                assert payload["call_id"] in calls
            case "permission.requested":
                permissions.add(payload["id"])
            case "permission.resolved":
                assert payload["id"] in permissions
            case "message.user":
                messages.add(payload["message_id"])
            case "message.edited":
                assert payload["message_id"] in messages
            case "job.status":
                assert payload["message_id"] in messages
                begun.add(payload["job_id"])
        if event["job_id"] and kind not in ("message.user", "message.edited"):
            assert event["job_id"] in begun


@pytest.fixture
def session(organization: Organization, monkeypatch: pytest.MonkeyPatch) -> AgentSession:
    monkeypatch.setattr(archiving, "MAX_EVENTS", 7)
    return make_session(organization)


class TestPages:
    @pytest.mark.parametrize("packed", [0, 2, 100])
    @pytest.mark.parametrize("limit", [1, 2, 3, 5, 8, 13, 1000])
    def test_tell_each_event_once_in_order_with_what_it_refers_to(
        self, session: AgentSession, limit: int, packed: int
    ) -> None:
        eventful(session)
        Job.objects.update(status=JobStatus.COMPLETED)
        whole = queries.events_after(session.pk, 0, 1000)
        pack(session, min(packed, -(-len(whole) // 7)))

        pages = all_pages(session, limit)

        assert [event for page in reversed(pages) for event in page.items] == whole
        for found in pages:
            seqs = [event["seq"] for event in found.carried]
            assert seqs == sorted(set(seqs))
            assert all(seq < found.items[0]["seq"] for seq in seqs)
            require_whole([*found.carried, *found.items])

    def test_begin_with_a_turn_and_its_message(self, session: AgentSession) -> None:
        for _ in range(4):
            turn(session, said(), said())
        length = session.last_seq // 4

        found = page(session, limit=2 * length + 3)

        assert found.items[0]["kind"] == "message.user"
        assert (len(found.items), found.carried) == (2 * length, [])

    def test_are_cut_in_the_middle_of_a_long_turn_and_say_whose_it_is(self, session: AgentSession) -> None:
        job = turn(session, *[said(str(number)) for number in range(20)])

        found = page(session, session.last_seq - 5, limit=6)

        assert [event["payload"]["text"] for event in found.items] == ["10", "11", "12", "13", "14", "15"]
        assert [(event["kind"], event["payload"]["job_id"]) for event in found.carried] == [
            ("message.user", str(job.pk)),
            ("job.status", str(job.pk)),
        ]
        assert found.carried[1]["payload"]["progress"] == 20

    def test_carry_the_newest_text_of_a_message_that_waited_long(self, session: AgentSession) -> None:
        running = send(session)
        becomes(session, running, JobStatus.PROCESSING)
        waiting = send(session, "first")
        waiting.message.text = "second"
        write(session, entries.message_edited(waiting.message, User(pk=uuid.uuid4(), name="Bob")), job=waiting)
        write(session, *[said() for _ in range(20)], job=running)
        becomes(session, running, JobStatus.COMPLETED)
        turn(session, said(), job=waiting)

        found = page(session, limit=8)

        assert found.items[0]["payload"]["job_id"] == str(waiting.pk)
        assert [event["kind"] for event in found.carried] == ["message.user", "message.edited"]
        assert found.carried[1]["payload"]["text"] == "second"

    def test_the_newest_has_all_that_is_not_over(self, session: AgentSession) -> None:
        running = send(session)
        becomes(session, running, JobStatus.PROCESSING)
        waiting, permission = send(session, "next"), make_permission(session)
        write(session, asked(permission.pk), *[said() for _ in range(20)], job=running)

        newest, older = page(session, limit=5), page(session, session.last_seq - 5, limit=5)

        told = [(event["kind"], event["payload"].get("job_id")) for event in newest.carried]
        assert told == [
            ("message.user", str(running.pk)),
            ("job.status", str(running.pk)),
            ("message.user", str(waiting.pk)),
            ("job.status", str(waiting.pk)),
            ("permission.requested", None),
        ]
        assert [event["kind"] for event in older.carried] == ["message.user", "job.status"]

    def test_are_small_where_events_are_large(self, session: AgentSession) -> None:
        write(session, *[said("x" * 1000) for _ in range(6)])

        found = backwards.page_before(session.pk, 7, 100, is_newest=True, max_bytes=2500)
        one = backwards.page_before(session.pk, 7, 100, is_newest=True, max_bytes=1)

        assert [event["seq"] for event in found.items] == [4, 5, 6]
        assert [event["seq"] for event in one.items] == [6]
        assert found.has_more

    def test_are_small_in_the_archive_too(self, session: AgentSession) -> None:
        write(session, *[said("x" * 1000) for _ in range(6)])
        pack(session, 1)

        found = backwards.page_before(session.pk, 7, 100, is_newest=True, max_bytes=2500)

        assert [event["seq"] for event in found.items] == [4, 5, 6]
        assert ArchivedEvents.objects.count() == 1

    def test_an_empty_log_is_an_empty_page(self, session: AgentSession) -> None:
        assert page(session).shown() == {"items": [], "carried": [], "has_more": False}


class TestApi:
    def test_pages_back_from_the_end(self, api: Callable[..., ApiClient], bob: User, session: AgentSession) -> None:
        write(session, *[said(str(number)) for number in range(1, 6)])
        path = f"/sessions/{session.pk}/events"

        newest = api(bob).get(path, before=END, limit=2).json()
        older = api(bob).get(path, before=newest["items"][0]["seq"], limit=3).json()

        assert ([event["seq"] for event in newest["items"]], newest["has_more"], newest["last_seq"]) == (
            [4, 5],
            True,
            5,
        )
        assert ([event["seq"] for event in older["items"]], older["has_more"]) == ([1, 2, 3], False)
        assert older["items"][0] == api(bob).get(path, limit=1).json()["items"][0]

    @pytest.mark.parametrize("before", ["0", "-1", str(2**63), "x", "1.5"])
    def test_refuses_numbers_that_are_none(
        self, api: Callable[..., ApiClient], bob: User, session: AgentSession, before: str
    ) -> None:
        assert api(bob).get(f"/sessions/{session.pk}/events", before=before).status_code == 400

    def test_asks_the_database_as_often_however_long_the_log_is(
        self,
        api: Callable[..., ApiClient],
        bob: User,
        session: AgentSession,
        django_assert_max_num_queries: DjangoAssertNumQueries,
    ) -> None:
        eventful(session)
        client, path = api(bob), f"/sessions/{session.pk}/events"
        client.get(path, before=END, limit=3)

        for limit in (1, 3, 20, 1000):
            with django_assert_max_num_queries(12):
                client.get(path, before=END, limit=limit)

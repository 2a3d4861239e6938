"""What is sent twenty times at once happens once, and everybody is told the same."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone

from accounts.models import Organization, User
from sessions.engine import claims
from sessions.engine.claims import Turn
from sessions.models import (
    AgentSession,
    Attachment,
    Event,
    Job,
    JobStatus,
    Message,
    PermissionRule,
    PermissionStatus,
)
from tests.client import ApiClient
from tests.concurrency import at_once
from tests.sessions.rows import IMAGE, make_job, make_permission, make_session, make_vault_project

Api = Callable[..., ApiClient]
AT_ONCE = 20
SUGGESTION = {"type": "addRules", "rules": [{"toolName": "Read"}], "behavior": "allow", "destination": "session"}


@pytest.fixture
def session(transactional_db: None, organization: Organization) -> AgentSession:
    return make_session(organization, status="RUNNING")


def codes(answers: list[Any]) -> Counter[int]:
    return Counter(answer.status_code for answer in answers)


class TestSameIdAtOnce:
    def test_makes_one_message(self, api: Api, bob: User, session: AgentSession) -> None:
        body, client = {"id": str(uuid.uuid4()), "text": "hello"}, api(bob)

        answers = at_once(*[lambda: client.post(f"/sessions/{session.pk}/messages", body)] * AT_ONCE)

        assert codes(answers) == {201: 1, 200: AT_ONCE - 1}
        assert len({answer.json()["message"]["id"] for answer in answers}) == 1
        assert Message.objects.count() == Job.objects.count() == 1
        assert Event.objects.filter(kind="message.user").count() == 1

    def test_makes_one_message_in_one_of_two_sessions(
        self, api: Api, bob: User, session: AgentSession, organization: Organization
    ) -> None:
        body, client = {"id": str(uuid.uuid4()), "text": "hello"}, api(bob)
        ids = [session.pk, make_session(organization).pk] * 5

        answers = at_once(*(lambda id=id: client.post(f"/sessions/{id}/messages", body) for id in ids))

        assert codes(answers) == {201: 1, 200: 4, 409: 5}
        assert Message.objects.count() == Job.objects.count() == 1

    def test_makes_one_session(self, api: Api, alice: User, organization: Organization, session: AgentSession) -> None:
        project, client = make_vault_project(alice, organization), api(alice)
        for body in (
            {"name": "plain", "id": str(uuid.uuid4())},
            {"name": "x", "prompt": "go", "id": str(uuid.uuid4())},
        ):
            answers = at_once(*[lambda body=body: client.post(f"/projects/{project.pk}/sessions", body)] * 8)

            assert codes(answers) == {201: 8}
            assert len({answer.json()["items"][0]["id"] for answer in answers}) == 1
        assert AgentSession.objects.filter(project=project).count() == 2

    def test_makes_one_attachment(self, api: Api, bob: User, session: AgentSession) -> None:
        id, client = str(uuid.uuid4()), api(bob)

        def upload() -> Any:
            return client.upload(f"/sessions/{session.pk}/attachments", id=id, file=SimpleUploadedFile("x", IMAGE))

        answers = at_once(*[upload] * AT_ONCE)

        assert codes(answers) == {201: 1, 200: AT_ONCE - 1}
        assert Attachment.objects.count() == 1

    def test_restarts_once(self, api: Api, bob: User, session: AgentSession) -> None:
        job, client = make_job(session, status=JobStatus.FAILED), api(bob)

        answers = at_once(*[lambda: client.post(f"/sessions/{session.pk}/restart")] * AT_ONCE)

        assert codes(answers) == {202: AT_ONCE}
        assert [(row.pk, row.status) for row in Job.objects.all()] == [(job.pk, JobStatus.PENDING)]


class TestTwoPeople:
    def test_first_answer_counts_and_the_other_hears_whose(
        self, api: Api, alice: User, bob: User, session: AgentSession
    ) -> None:
        asked = make_permission(session, suggestions=[SUGGESTION])
        allow = {"permission_id": str(asked.pk), "decision": "allow", "always": True}
        people = {"Alice": api(alice), "Bob": api(bob)}

        path = f"/sessions/{session.pk}/approve"
        answers = at_once(*(lambda one=one: one.post(path, allow) for one in [*people.values()] * 10))

        asked.refresh_from_db()
        assert asked.status == PermissionStatus.ALLOWED
        assert asked.answered_by is not None
        first = asked.answered_by.display_name
        assert codes(answers) == {200: 10, 409: 10}
        refused = {answer.json()["message"] for answer in answers if answer.status_code == 409}
        assert refused == {f"{first} has already allowed this."}
        assert PermissionRule.objects.count() == Event.objects.filter(kind="permission.resolved").count() == 1

    def test_of_whom_one_changes_and_one_removes_a_message_leave_one_truth(
        self, api: Api, alice: User, bob: User, session: AgentSession
    ) -> None:
        message = make_job(session).message
        path = f"/sessions/{session.pk}/messages/{message.pk}"
        one, other = api(alice), api(bob)

        edited, removed = at_once(lambda: one.patch(path, {"text": "new"}), lambda: other.delete(path))

        assert removed.status_code == 204
        assert edited.status_code in (200, 409)
        message.refresh_from_db()
        assert message.text == ("new" if edited.status_code == 200 else "do it")
        assert Job.objects.get().status == JobStatus.CANCELLED


class TestRaceWithTheWorker:
    """The claim of a turn and a person's change take the same lock: what the agent gets is what the person sees."""

    def _race(self, session: AgentSession, act: Callable[[str], Any]) -> tuple[Any, Turn | None, Job]:
        now = timezone.now()
        AgentSession.objects.filter(pk=session.pk).update(status="WAITING_INPUT", epoch=0)
        job = make_job(session, "first", admitted_at=now)
        path = f"/sessions/{session.pk}/messages/{job.message.pk}"
        answer, turn = at_once(
            lambda: act(path), lambda: claims.claim(session_id=session.pk, job_id=job.pk, now=timezone.now())
        )
        job.refresh_from_db()
        Job.objects.filter(pk=job.pk).update(status=JobStatus.COMPLETED)
        return answer, turn, job

    def test_over_an_edit(self, api: Api, bob: User, session: AgentSession) -> None:
        client = api(bob)
        for _ in range(20):
            answer, turn, _ = self._race(session, lambda path: client.patch(path, {"text": "second"}))

            assert turn is not None
            assert (answer.status_code, turn.text) in {(200, "second"), (409, "first")}

    def test_over_a_removal(self, api: Api, bob: User, session: AgentSession) -> None:
        client = api(bob)
        for _ in range(20):
            answer, turn, job = self._race(session, client.delete)

            if answer.status_code == 204:
                assert (turn, job.status) == (None, JobStatus.CANCELLED)
            else:
                assert answer.status_code == 409
                assert turn is not None
                assert job.status == JobStatus.PROCESSING


class TestCommandsAgain:
    """Each of these can be sent again after an answer was lost."""

    def test_interrupts_the_turn_that_was_meant_and_no_later_one(
        self, api: Api, bob: User, session: AgentSession
    ) -> None:
        meant = make_job(session, status=JobStatus.PROCESSING)
        path, body = f"/sessions/{session.pk}/interrupt", {"job_id": str(meant.pk)}
        first = api(bob).post(path, body)
        Job.objects.update(status=JobStatus.COMPLETED)
        later = make_job(session, status=JobStatus.PROCESSING)

        second = api(bob).post(path, body)

        assert (first.status_code, second.status_code) == (202, 202)
        later.refresh_from_db()
        assert later.interrupt_requested_at is None

    def test_cancels_a_job_once(self, api: Api, bob: User, session: AgentSession) -> None:
        job, client = make_job(session, status=JobStatus.PROCESSING), api(bob)
        body = {"job_id": str(job.pk)}

        answers = at_once(*[lambda: client.post(f"/sessions/{session.pk}/cancel", body)] * AT_ONCE)

        assert codes(answers) == {202: AT_ONCE}
        assert Event.objects.filter(kind="job.status").count() == 1

    @pytest.mark.parametrize("verb", ["stop", "interrupt"])
    def test_does_no_more_than_once_would(self, api: Api, bob: User, session: AgentSession, verb: str) -> None:
        client = api(bob)
        make_job(session, status=JobStatus.PROCESSING)

        answers = at_once(*[lambda: client.post(f"/sessions/{session.pk}/{verb}")] * 5)

        assert codes(answers) == {202: 5}
        assert Event.objects.filter(kind="job.status").count() == (1 if verb == "stop" else 0)


class TestCommandsWithAKey:
    """Without a job's id they mean what runs now; with a key they mean it once, however late they come again."""

    def _again(self, api: Api, bob: User, session: AgentSession, verb: str, later: JobStatus) -> tuple[list[int], Job]:
        """Sent while one turn is at work, and again while the next one is."""
        client, path = api(bob), f"/sessions/{session.pk}/{verb}"
        client.headers["Idempotency-Key"] = str(uuid.uuid4())
        first = client.post(path).status_code
        Job.objects.update(status=JobStatus.COMPLETED)
        job = make_job(session, status=later)

        again = client.post(path).status_code
        job.refresh_from_db()
        return [first, again], job

    @pytest.mark.parametrize("verb", ["interrupt", "cancel", "stop"])
    def test_never_touch_a_later_turn(self, api: Api, bob: User, session: AgentSession, verb: str) -> None:
        make_job(session, status=JobStatus.PROCESSING)

        codes, later = self._again(api, bob, session, verb, JobStatus.PROCESSING)

        assert codes == [202, 202]
        assert (later.status, later.interrupt_requested_at, later.cancel_requested_at) == ("PROCESSING", None, None)

    @pytest.mark.parametrize("verb", ["interrupt", "cancel"])
    def test_that_came_too_late_stay_refused(self, api: Api, bob: User, session: AgentSession, verb: str) -> None:
        make_job(session, status=JobStatus.COMPLETED)

        codes, later = self._again(api, bob, session, verb, JobStatus.PROCESSING)

        assert codes == [409, 409]
        assert (later.status, later.interrupt_requested_at) == ("PROCESSING", None)

    def test_do_not_go_on_after_a_later_failure(self, api: Api, bob: User, session: AgentSession) -> None:
        make_job(session, status=JobStatus.FAILED)

        codes, later = self._again(api, bob, session, "restart", JobStatus.FAILED)

        assert codes == [202, 202]
        assert later.status == "FAILED"

    def test_cancel_once_when_sent_at_once(self, api: Api, bob: User, session: AgentSession) -> None:
        make_job(session, status=JobStatus.PROCESSING)
        client = api(bob)
        client.headers["Idempotency-Key"] = str(uuid.uuid4())

        answers = at_once(*[lambda: client.post(f"/sessions/{session.pk}/cancel")] * AT_ONCE)

        assert codes(answers) == {202: AT_ONCE}
        assert Event.objects.filter(kind="job.status").count() == 1

    def test_is_refused_for_another_request(self, api: Api, bob: User, session: AgentSession) -> None:
        meant = make_job(session, status=JobStatus.PROCESSING)
        client, path = api(bob), f"/sessions/{session.pk}"
        client.headers["Idempotency-Key"] = str(uuid.uuid4())
        client.post(f"{path}/interrupt", {"job_id": str(meant.pk)})
        Job.objects.update(status=JobStatus.COMPLETED)
        other = make_job(session, status=JobStatus.PROCESSING)

        answers = [
            client.post(f"{path}/interrupt", {"job_id": str(other.pk)}),
            client.post(f"{path}/interrupt"),
            client.post(f"{path}/cancel"),
        ]

        assert codes(answers) == {409: 3}
        other.refresh_from_db()
        assert (other.status, other.interrupt_requested_at) == ("PROCESSING", None)

    def test_belongs_to_one_session(
        self, api: Api, bob: User, session: AgentSession, organization: Organization
    ) -> None:
        other = make_session(organization, status="RUNNING")
        for row in (session, other):
            make_job(row, status=JobStatus.PROCESSING)
        client = api(bob)
        client.headers["Idempotency-Key"] = str(uuid.uuid4())

        answers = [client.post(f"/sessions/{row.pk}/interrupt") for row in (session, other)]

        assert codes(answers) == {202: 2}
        assert not Job.objects.filter(interrupt_requested_at=None).exists()


class TestIdempotencyKey:
    def test_is_an_id_where_a_body_has_none(self, api: Api, bob: User, session: AgentSession) -> None:
        client = api(bob)
        client.headers["Idempotency-Key"] = key = str(uuid.uuid4())

        answers = [client.post(f"/sessions/{session.pk}/messages", {"text": "hello"}) for _ in range(2)]

        assert [answer.status_code for answer in answers] == [201, 200]
        assert Message.objects.get().pk == uuid.UUID(key)

    @pytest.mark.parametrize(("key", "status"), [("nonsense", 400), ("0199aaaa-0000-7000-8000-000000000000", 400)])
    def test_that_is_none_or_another_than_the_bodys_is_refused(
        self, api: Api, bob: User, session: AgentSession, key: str, status: int
    ) -> None:
        client = api(bob)
        client.headers["Idempotency-Key"] = key

        body = {"text": "hello", "id": str(uuid.uuid4())}
        assert client.post(f"/sessions/{session.pk}/messages", body).status_code == status
        assert not Message.objects.exists()

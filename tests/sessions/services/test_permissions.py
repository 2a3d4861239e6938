"""Answers: the first one counts."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from django.utils import timezone

from accounts.errors import Invalid, NotFound
from accounts.models import Organization, User
from sessions import services
from sessions.errors import AlreadyAnswered
from sessions.models import AgentSession, Event, PermissionRequest, PermissionStatus, SessionStatus
from sessions.services import Answer
from tests.sessions.rows import make_permission, make_session

QUESTIONS = {"questions": [{"question": "Which?", "options": []}, {"question": "Why?"}, {"no": 1}, "x"]}


@pytest.fixture
def session(organization: Organization) -> AgentSession:
    return make_session(organization, status=SessionStatus.WAITING_INPUT)


def answer(
    session: AgentSession, id: uuid.UUID, user: User, decision: str = "allow", **fields: Any
) -> PermissionRequest:
    given = Answer(decision, **fields)
    return services.answer_permission(session=session, permission_id=id, by=user, answer=given, now=timezone.now())


class TestAnswerPermission:
    def test_records_who_decided_what(self, session: AgentSession, bob: User) -> None:
        request = answer(session, make_permission(session).pk, bob, "deny", reason="not now")

        assert (request.status, request.answered_by) == (PermissionStatus.DENIED, bob)
        assert request.answer == {"reason": "not now", "answers": {}, "always": False}
        resolved = Event.objects.get(kind="permission.resolved").payload
        assert resolved == {
            "id": str(request.pk),
            "status": "DENIED",
            "reason": "not now",
            "by": {"id": str(bob.pk), "name": "Bob"},
            "rules": [],
            "answers": {},
        }

    def test_tells_the_log_what_was_answered_to_each_question(self, session: AgentSession, bob: User) -> None:
        given = {"Which?": 'my "own"', "Why?": "because"}
        answer(session, make_permission(session, kind="QUESTION", input=QUESTIONS).pk, bob, answers=given)

        assert Event.objects.get(kind="permission.resolved").payload["answers"] == given

    def test_approves_a_plan_with_the_mode_in_which_it_is_carried_out(self, session: AgentSession, bob: User) -> None:
        request = answer(session, make_permission(session, kind="PLAN").pk, bob, mode="acceptEdits")

        assert (request.answer or {})["updates"] == [
            {"type": "setMode", "mode": "acceptEdits", "destination": "session"}
        ]

    @pytest.mark.parametrize(
        ("kind", "decision", "mode"),
        [("PLAN", "allow", "bypassPermissions"), ("TOOL", "allow", "acceptEdits"), ("PLAN", "deny", "acceptEdits")],
    )
    def test_takes_no_other_mode(self, session: AgentSession, bob: User, kind: str, decision: str, mode: str) -> None:
        with pytest.raises(Invalid):
            answer(session, make_permission(session, kind=kind).pk, bob, decision, mode=mode)

    def test_lets_the_session_go_on_after_the_last_answer(self, session: AgentSession, bob: User) -> None:
        first, second = make_permission(session), make_permission(session)

        answer(session, first.pk, bob)
        assert AgentSession.objects.get().status == SessionStatus.WAITING_INPUT
        answer(session, second.pk, bob)

        assert AgentSession.objects.get().status == SessionStatus.RUNNING
        assert Event.objects.filter(kind="session.status").count() == 1

    def test_tells_the_second_who_was_first(self, session: AgentSession, alice: User, bob: User) -> None:
        request = make_permission(session)
        answer(session, request.pk, alice)

        with pytest.raises(AlreadyAnswered, match="Alice has already allowed this"):
            answer(session, request.pk, bob, "deny")

        assert PermissionRequest.objects.get().status == PermissionStatus.ALLOWED
        assert Event.objects.filter(kind="permission.resolved").count() == 1

    def test_tells_when_the_agent_no_longer_waits(self, session: AgentSession, bob: User) -> None:
        request = make_permission(session, status=PermissionStatus.CANCELLED)

        with pytest.raises(AlreadyAnswered, match="no longer waits"):
            answer(session, request.pk, bob)

    def test_finds_only_requests_of_this_session(
        self, session: AgentSession, organization: Organization, bob: User
    ) -> None:
        foreign = make_permission(make_session(organization))

        with pytest.raises(NotFound):
            answer(session, foreign.pk, bob)

    def test_takes_the_answers_of_a_question(self, session: AgentSession, bob: User) -> None:
        request = make_permission(session, kind="QUESTION", input=QUESTIONS)

        answered = answer(session, request.pk, bob, answers={"Which?": "That", "Why?": "So"})

        assert answered.answer is not None
        assert answered.answer["answers"] == {"Which?": "That", "Why?": "So"}

    @pytest.mark.parametrize("answers", [{}, {"Which?": "a"}, {"Which?": "a", "Why?": "b", "More?": "c"}])
    def test_wants_each_question_answered(self, session: AgentSession, bob: User, answers: dict[str, str]) -> None:
        request = make_permission(session, kind="QUESTION", input=QUESTIONS)

        with pytest.raises(Invalid):
            answer(session, request.pk, bob, answers=answers)

    @pytest.mark.parametrize("hostile", [[], "x", {"questions": None}, {"questions": [{"question": 3}]}])
    def test_can_answer_a_question_of_any_shape(self, session: AgentSession, bob: User, hostile: Any) -> None:
        request = make_permission(session, kind="QUESTION", input=hostile)

        assert answer(session, request.pk, bob).status == PermissionStatus.ALLOWED

    @pytest.mark.parametrize(
        "fields",
        [
            {"decision": "maybe"},
            {"reason": "x" * 4001},
            {"reason": "a\0"},
            {"answers": {"Which?": "a"}},
        ],
    )
    def test_refuses_bad_input_and_changes_nothing(
        self, session: AgentSession, bob: User, fields: dict[str, Any]
    ) -> None:
        request = make_permission(session)

        with pytest.raises(Invalid):
            answer(session, request.pk, bob, **{"decision": "allow"} | fields)

        assert PermissionRequest.objects.get().status == PermissionStatus.PENDING

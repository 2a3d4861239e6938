"""Answers to what the agent may not do before a person says so."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Q

from accounts.errors import Invalid, NotFound
from accounts.models import User
from runtime.failpoints import failpoint
from sessions import events, log
from sessions.errors import AlreadyAnswered
from sessions.models import AgentSession, PermissionRequest, PermissionRule, PermissionStatus, SessionStatus
from sessions.services import entries, rules
from sessions.services.locking import locked
from sessions.services.messages import require_storable

EDITS = "acceptEdits"
MAX_REASON = 4000
MAX_ANSWERS = 50
MAX_ANSWER = 20_000
_STATUS = {"allow": PermissionStatus.ALLOWED, "deny": PermissionStatus.DENIED}


@dataclass(frozen=True)
class Answer:
    """`answers` maps a question's text to the chosen label or free text; `always` takes the agent's suggested rules.

    With `only` not all of them: see `rules.chosen`. `mode` is the one in which an approved plan is carried out.
    """

    decision: str
    reason: str = ""
    answers: dict[str, str] = field(default_factory=dict)
    is_always: bool = False
    scope: str = rules.SESSION  # of the rules: this session, or all of its project
    only: Sequence[str] = ()
    mode: str = ""


@transaction.atomic
def answer_permission(
    *, session: AgentSession, permission_id: uuid.UUID, by: User, answer: Answer, now: datetime
) -> PermissionRequest:
    """Record the first answer, keep the rules that go with it, and wake the runner.

    The same answer of the same person again is harmless.
    Raises: NotFound (no such request in this session); Invalid (decision, reason, answers, scope, rules that cannot be
        kept); TooManyRules; AlreadyAnswered, which names who was first.
    """
    session = locked(session)
    request = PermissionRequest.objects.filter(session=session, pk=permission_id).first()
    if request is None:
        raise NotFound
    _check(request, answer)
    given = _given(request, answer)
    changed = PermissionRequest.objects.filter(pk=request.pk, status=PermissionStatus.PENDING).update(
        status=_STATUS[answer.decision],
        answer=given,
        answered_by=by,
        answered_at=now,
    )
    if not changed:
        is_repeated = (request.status, request.answer, request.answered_by_id) == (
            _STATUS[answer.decision],
            given,
            by.pk,
        )
        if is_repeated:
            return request
        raise AlreadyAnswered(_who_was_first(request.pk))
    request.refresh_from_db()
    kept = _keep_rules(session, request, answer, by, now)
    resolved = entries.permission_resolved(request, reason=answer.reason, by=by, rules=kept, answers=answer.answers)
    new = [resolved, *_resume(session)]
    log.append(session, new, job_id=request.job_id, now=now)
    transaction.on_commit(lambda: events.ring_control(session.pk), robust=True)
    failpoint("approve.before_commit")
    transaction.on_commit(lambda: failpoint("approve.after_commit"), robust=True)
    return request


def _given(request: PermissionRequest, answer: Answer) -> dict[str, Any]:
    """What is kept of an answer; `updates` are the permissions that the agent's program is to change with it."""
    given: dict[str, Any] = {"reason": answer.reason, "answers": answer.answers, "always": answer.is_always}
    if answer.mode:
        given["updates"] = [{"type": "setMode", "mode": answer.mode, "destination": "session"}]
    elif answer.only:
        given["updates"] = _wanted(request, answer)
    return given


def _wanted(request: PermissionRequest, answer: Answer) -> list[Any]:
    return rules.chosen(request.suggestions, answer.only) if answer.only else list(request.suggestions)


def withdraw(session: AgentSession, *, which: Q | None = None, reason: str = "", now: datetime) -> list[events.Entry]:
    """Take back what nobody can answer any more; returns what the log is to tell of it."""
    waiting = session.permission_requests.filter(which or Q(), status=PermissionStatus.PENDING)
    requests = list(waiting.defer("input", "suggestions").order_by("created_at", "pk"))
    for request in requests:
        request.status, request.answered_at = PermissionStatus.CANCELLED, now
    PermissionRequest.objects.bulk_update(requests, ["status", "answered_at"])
    return [entries.permission_resolved(request, reason=reason, by=None) for request in requests]


def _keep_rules(
    session: AgentSession, request: PermissionRequest, answer: Answer, by: User, now: datetime
) -> list[PermissionRule]:
    if not answer.is_always or request.status != PermissionStatus.ALLOWED:
        return []
    found = rules.suggested(_wanted(request, answer))
    return rules.add_rules(session=session, rules=found, scope=answer.scope, by=by, now=now) if found else []


def _check(request: PermissionRequest, answer: Answer) -> None:
    if answer.decision not in _STATUS:
        raise Invalid.field("decision", "The decision is `allow` or `deny`.")
    if answer.scope not in rules.SCOPES:
        raise Invalid.field("scope", f"The scope is one of: {', '.join(rules.SCOPES)}.")
    if answer.only and not (answer.is_always and answer.decision == "allow"):
        raise Invalid.field("only", "Only what is always allowed can be chosen.")
    if answer.mode and (answer.mode != EDITS or request.kind != "PLAN" or answer.decision != "allow"):
        raise Invalid.field("mode", f"Only an approved plan takes a mode, which is `{EDITS}`.")
    if len(answer.reason) > MAX_REASON:
        raise Invalid.field("reason", f"A reason has at most {MAX_REASON} characters.")
    require_storable(answer.reason, "reason")
    if answer.answers and request.kind != "QUESTION":
        raise Invalid.field("answers", "Only a question takes answers.")
    if len(answer.answers) > MAX_ANSWERS or any(len(text) > MAX_ANSWER for text in answer.answers.values()):
        raise Invalid.field("answers", "These answers are too long.")
    require_storable("".join([*answer.answers, *answer.answers.values()]), "answers")
    if request.kind == "QUESTION" and answer.decision == "allow" and set(answer.answers) != set(_questions(request)):
        raise Invalid.field("answers", "Answer each question, by its text.")


def _questions(request: PermissionRequest) -> list[str]:
    """The texts of the questions; the input is the agent's, so anything may be in it."""
    questions = request.input.get("questions") if isinstance(request.input, dict) else None
    items = questions if isinstance(questions, list) else []
    return [item["question"] for item in items if isinstance(item, dict) and isinstance(item.get("question"), str)]


def _who_was_first(id: uuid.UUID) -> str:
    request = PermissionRequest.objects.select_related("answered_by").get(pk=id)
    if request.status == PermissionStatus.CANCELLED:
        return "The agent no longer waits for this answer."
    who = request.answered_by.display_name if request.answered_by else "Someone"
    return (
        f"{who} has already allowed this."
        if request.status == PermissionStatus.ALLOWED
        else f"{who} has already denied this."
    )


def _resume(session: AgentSession) -> list[events.Entry]:
    """The session goes on when this was the last answer it waited for."""
    if PermissionRequest.objects.filter(session=session, status=PermissionStatus.PENDING).exists():
        return []
    waiting = AgentSession.objects.filter(pk=session.pk, status=SessionStatus.WAITING_INPUT)
    if not waiting.update(status=SessionStatus.RUNNING, status_reason=""):
        return []
    session.refresh_from_db(fields=["status", "status_reason", "git_status"])
    return [entries.session_status(session)]

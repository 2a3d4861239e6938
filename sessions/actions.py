"""What each client frame does: one service a frame."""

from __future__ import annotations

import uuid
from datetime import datetime

from accounts.models import User
from sessions import services
from sessions.models import AgentSession
from sessions.protocol import AnswerFrame, ApproveFrame, CancelFrame, DenyFrame, InterruptFrame, MessageFrame


def send(session: AgentSession, user: User, frame: MessageFrame, now: datetime) -> None:
    message_id = frame.message_id or _uuid(frame.id)
    services.send_message(
        session=session,
        author=user,
        text=frame.text,
        message_id=message_id,
        attachment_ids=frame.attachments,
        is_urgent=frame.now,
        now=now,
    )


def approve(session: AgentSession, user: User, frame: ApproveFrame, now: datetime) -> None:
    given = services.Answer(
        "allow", answers=frame.answers, is_always=frame.always, scope=frame.scope, only=frame.only, mode=frame.mode
    )
    services.answer_permission(session=session, permission_id=frame.permission_id, by=user, answer=given, now=now)


def deny(session: AgentSession, user: User, frame: DenyFrame, now: datetime) -> None:
    given = services.Answer("deny", reason=frame.reason)
    services.answer_permission(session=session, permission_id=frame.permission_id, by=user, answer=given, now=now)


def answer(session: AgentSession, user: User, frame: AnswerFrame, now: datetime) -> None:
    given = services.Answer("allow", answers=frame.answers)
    services.answer_permission(session=session, permission_id=frame.permission_id, by=user, answer=given, now=now)


def interrupt(session: AgentSession, user: User, frame: InterruptFrame, now: datetime) -> None:
    services.interrupt(session=session, job_id=frame.job_id, key=_uuid(frame.id), now=now)


def cancel(session: AgentSession, user: User, frame: CancelFrame, now: datetime) -> None:
    services.cancel(session=session, job_id=frame.job_id, key=_uuid(frame.id), now=now)


def _uuid(value: object) -> uuid.UUID | None:
    try:
        return uuid.UUID(value) if isinstance(value, str) else None
    except ValueError:
        return None

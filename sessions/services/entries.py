"""What services write to the log."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from accounts.models import User
from sessions.events import Entry
from sessions.models import AgentSession, Job, Message, PermissionRequest, PermissionRule


def shown_user(user: User | None) -> dict[str, Any] | None:
    """A person as an event names them; the name is the server's, never the client's."""
    return None if user is None else {"id": str(user.pk), "name": user.display_name}


def job_status(job: Job) -> Entry:
    """A turn that the agent began by itself has no message."""
    message: Message | None = getattr(job, "message", None)
    payload = {
        "job_id": str(job.pk),
        "message_id": str(message.pk) if message else None,
        "trigger": job.trigger,
        "is_urgent": job.is_urgent,
        "status": job.status,
        "progress": job.progress,
        "progress_message": job.progress_message,
        "error": job.error,
    }
    return Entry("job.status", payload)


def session_status(session: AgentSession) -> Entry:
    payload = {"status": session.status, "reason": session.status_reason, "git_status": session.git_status}
    return Entry("session.status", payload)


def session_changed(**changes: Any) -> Entry:
    """What a reader's session object is to be updated with."""
    return Entry("session.changed", {"changes": changes})


def notice(level: str, text: str, detail: str = "") -> Entry:
    """What people should know about the session, in their conversation; `level` is info, warning or error."""
    return Entry("agent.notice", {"level": level, "text": text, "detail": detail})


def session_archived(session: AgentSession) -> Entry:
    """That it was put away, or brought back."""
    return session_changed(archived_at=_shown_time(session.archived_at))


def _shown_time(at: datetime | None) -> str | None:
    return at.isoformat().replace("+00:00", "Z") if at else None


def stop_refused(session: AgentSession) -> Entry:
    """That it was not stopped, since its work could not be saved."""
    return session_changed(stop_refused_at=_shown_time(session.stop_refused_at))


def user_message(message: Message, author: User | None, attachments: Sequence[dict[str, Any]] = ()) -> Entry:
    payload = {
        "message_id": str(message.pk),
        "job_id": str(message.job_id),
        "text": message.text,
        "author": shown_user(author),
        "attachments": list(attachments),
    }
    return Entry("message.user", payload)


def message_edited(message: Message, by: User) -> Entry:
    payload = {"message_id": str(message.pk), "text": message.text, "by": shown_user(by)}
    return Entry("message.edited", payload)


def shown_rule(rule: PermissionRule) -> dict[str, Any]:
    """A permission rule as an event names it."""
    return {"id": str(rule.pk), "rule": rule.rule, "scope": "session" if rule.session_id else "project"}


def permission_resolved(
    request: PermissionRequest,
    *,
    reason: str,
    by: User | None,
    rules: Sequence[PermissionRule] = (),
    answers: Mapping[str, str] | None = None,
) -> Entry:
    payload = {
        "id": str(request.pk),
        "status": request.status,
        "reason": reason,
        "by": shown_user(by),
        "rules": [shown_rule(rule) for rule in rules],
        "answers": dict(answers or {}),
    }
    return Entry("permission.resolved", payload)

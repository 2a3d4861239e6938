"""What services write to the log."""

from __future__ import annotations

from typing import Any

from accounts.models import User
from sessions.events import Entry
from sessions.models import AgentSession, Job, Message, PermissionRequest


def shown_user(user: User | None) -> dict[str, Any] | None:
    """A person as an event names them; the name is the server's, never the client's."""
    return None if user is None else {"id": str(user.pk), "name": user.display_name}


def job_status(job: Job) -> Entry:
    payload = {
        "job_id": str(job.pk),
        "message_id": str(job.message.pk),
        "status": job.status,
        "progress": job.progress,
        "progress_message": job.progress_message,
        "error": job.error,
    }
    return Entry("job.status", payload)


def session_status(session: AgentSession) -> Entry:
    payload = {"status": session.status, "reason": session.status_reason, "git_status": session.git_status}
    return Entry("session.status", payload)


def user_message(message: Message, author: User | None) -> Entry:
    payload = {
        "message_id": str(message.pk),
        "job_id": str(message.job_id),
        "text": message.text,
        "author": shown_user(author),
    }
    return Entry("message.user", payload)


def permission_resolved(request: PermissionRequest, *, reason: str, by: User | None) -> Entry:
    payload = {"id": str(request.pk), "status": request.status, "reason": reason, "by": shown_user(by)}
    return Entry("permission.resolved", payload)

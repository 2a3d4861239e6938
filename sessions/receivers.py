"""What happens to sessions when something happens to what they work on."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from projects.models import Project
from sessions import services
from sessions.models import AgentSession


def on_project_deleted(sender: object, project: Project, now: datetime, **_: Any) -> None:
    """A deleted project's sessions go with it: their agents end, their sandboxes are removed."""
    for session in AgentSession.objects.filter(project=project, deleted_at=None):
        services.delete_session(session=session, now=now)

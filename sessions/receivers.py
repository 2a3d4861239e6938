"""What happens to sessions when something happens to what they work on."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db.models import Q

from accounts.models import Organization
from projects.models import Project
from sessions import services
from sessions.models import AgentSession, JobStatus, SessionStatus


def on_project_deleted(sender: object, project: Project, now: datetime, **_: Any) -> None:
    """A deleted project's sessions go with it: their agents end, their sandboxes are removed."""
    for session in AgentSession.objects.filter(project=project):
        services.delete_session(session=session, now=now)


def on_organization_suspended(sender: object, organization: Organization, now: datetime, **_: Any) -> None:
    """A suspended organisation's sessions stop: no agent works, and no sandbox computes, for it any more."""
    is_at_work = ~Q(status=SessionStatus.STOPPED) | Q(jobs__status__in=(JobStatus.PENDING, JobStatus.PROCESSING))
    for session in AgentSession.objects.filter(is_at_work, organization=organization).distinct():
        services.stop_session(session=session, now=now)

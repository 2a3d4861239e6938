"""What happens to sessions when something happens to what they work on."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Q

from accounts.models import Organization
from projects.models import Project
from sessions import events, services
from sessions.models import AgentSession, JobStatus, SessionStatus


def on_project_deleted(sender: object, project: Project, now: datetime, **_: Any) -> None:
    """A deleted project's sessions go with it: their agents end, their sandboxes are removed."""
    for session in AgentSession.objects.filter(project=project):
        services.delete_session(session=session, now=now)


def on_project_changed(sender: object, organization_id: uuid.UUID, **_: Any) -> None:
    """Pages that show the organisation's projects are told."""
    transaction.on_commit(lambda: events.ring_organization(organization_id), robust=True)


def on_organization_suspended(sender: object, organization: Organization, now: datetime, **_: Any) -> None:
    """A suspended organisation's sessions stop: no agent works, and no sandbox computes, for it any more."""
    is_at_work = ~Q(status=SessionStatus.STOPPED) | Q(jobs__status__in=(JobStatus.PENDING, JobStatus.PROCESSING))
    for session in AgentSession.objects.filter(is_at_work, organization=organization).distinct():
        services.stop_session(session=session, now=now)

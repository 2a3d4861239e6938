"""What happens to sessions when something happens to what they work on."""

from __future__ import annotations

import uuid
from collections.abc import Collection
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Case, Exists, OuterRef, Q, When

from accounts.models import Organization
from environments import services as environments
from environments.models import Environment
from environments.uses import Use
from projects.models import Project
from sessions import dispatch, events, services
from sessions.models import AgentSession, Job, JobStatus, SessionStatus


def on_project_deleted(sender: object, project: Project, now: datetime, **_: Any) -> None:
    """A deleted project's sessions go with it: their agents end, their sandboxes are removed."""
    for session in AgentSession.objects.filter(project=project):
        services.delete_session(session=session, now=now)


def on_project_undeleted(sender: object, project: Project, deleted_at: datetime, **_: Any) -> None:
    """Its sessions come back with it; their sandboxes were stopped."""
    services.undelete_with_project(project_id=project.pk, deleted_at=deleted_at)


def on_project_changed(sender: object, organization_id: uuid.UUID, **_: Any) -> None:
    """Pages that show the organisation's projects are told."""
    transaction.on_commit(lambda: events.ring_organization(organization_id), robust=True)


def on_organization_suspended(sender: object, organization: Organization, now: datetime, **_: Any) -> None:
    """A suspended organisation's sessions stop: no agent works, and no sandbox computes, for it any more."""
    is_at_work = ~Q(status=SessionStatus.STOPPED) | Q(jobs__status__in=(JobStatus.PENDING, JobStatus.PROCESSING))
    for session in AgentSession.objects.filter(is_at_work, organization=organization).distinct():
        services.stop_session(session=session, is_forced=True, now=now)


def on_environment_deleted(sender: object, environment: Environment, now: datetime, **_: Any) -> None:
    """What runs in it stops and keeps its work; the next message goes on elsewhere. What is kept warm ends."""
    dispatch.defer_pool(environment.pk)
    for session in _sessions_in(environment):
        if session.is_running:
            services.stop_session(session=session, is_forced=True, now=now)


def on_deployment_copied(sender: object, homes_here: Collection[uuid.UUID], now: datetime, **_: Any) -> None:
    """Sessions of a copied database go on from the vault: what ran, and what lies elsewhere, is not theirs."""
    services.leave_the_original(homes_here=homes_here, now=now)


def on_environment_changed(sender: object, environment_id: uuid.UUID, **_: Any) -> None:
    """What is kept warm there is made anew; nobody gets what was made before."""
    dispatch.defer_pool(environment_id)


def on_uses_asked(sender: object, environment: Environment, **_: Any) -> list[Use]:
    return [Use("session", row.pk, row.name, is_running=row.is_running) for row in _sessions_in(environment)]


def _sessions_in(environment: Environment) -> Any:
    """Those that begin there, and those whose sandbox is there; `is_running` while it lives or a turn is under way."""
    here = Q(machine__environment=environment, machine__status__in=environments.LIVE)
    at_work = Job.objects.filter(session=OuterRef("pk"), status__in=(JobStatus.PENDING, JobStatus.PROCESSING))
    rows = AgentSession.objects.filter(Q(environment=environment) | here)
    return rows.annotate(is_running=Case(When(here | Exists(at_work), then=True), default=False)).order_by("pk")

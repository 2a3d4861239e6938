"""Rows of sessions to test with."""

from __future__ import annotations

import uuid
from hashlib import sha256
from typing import Any

from django.utils import timezone

from accounts.auth import actor_for
from accounts.models import Organization, User
from projects import services as projects
from projects.models import Project, ProjectSource, ProjectStatus
from sessions.models import AgentSession, Attachment, Job, Message, PermissionRequest

IMAGE = b"\x89PNG\r\n\x1a\n" + b"a picture"


def make_project(organization: Organization, **fields: Any) -> Project:
    """A project's row, without a repository."""
    values = {"name": "demo", "status": ProjectStatus.READY, "source": ProjectSource.EMPTY}
    return Project.objects.create(organization=organization, **values | fields)


def make_session(organization: Organization, **fields: Any) -> AgentSession:
    """A session's row, in a project of its own unless one is given."""
    values = {
        "project": fields.get("project") or make_project(organization),
        "name": f"session {uuid.uuid4().hex[:6]}",
        "model": "sonnet",
        "base_branch": "main",
        "base_commit": "a" * 40,
        "branch": "slipway/session",
    }
    return AgentSession.objects.create(organization=organization, **values | fields)


def make_job(session: AgentSession, text: str = "do it", **fields: Any) -> Job:
    """A job with its message."""
    job = Job.objects.create(organization_id=session.organization_id, session=session, **fields)
    Message.objects.create(organization_id=session.organization_id, session=session, job=job, text=text)
    return job


def make_permission(session: AgentSession, **fields: Any) -> PermissionRequest:
    values = {"request_id": uuid.uuid4().hex, "kind": "TOOL", "tool": "Bash", "input": {"command": "ls"}}
    return PermissionRequest.objects.create(organization_id=session.organization_id, session=session, **values | fields)


def make_attachment(session: AgentSession, data: bytes = IMAGE, **fields: Any) -> Attachment:
    """An image of the session, without a message unless one is given."""
    values = {"media_type": "image/png", "size": len(data), "sha256": sha256(data).hexdigest(), "data": data}
    return Attachment.objects.create(organization_id=session.organization_id, session=session, **values | fields)


def make_vault_project(user: User, organization: Organization, name: str = "demo") -> Project:
    """A project with a real repository, whose branch `main` has one commit."""
    return projects.create_project(
        actor=actor_for(user), organization_id=organization.pk, name=name, source="EMPTY", now=timezone.now()
    )

"""The first minute: one click makes the sample project and a session that is at work on it."""

from __future__ import annotations

import uuid
from datetime import datetime

from accounts.tenancy import Actor
from projects import services as projects
from projects.models import ProjectSource
from sessions.models import AgentSession
from sessions.services import creation, messages


def start_first_turn(
    *, actor: Actor, organization_id: uuid.UUID, project_name: str, prompt: str, key: uuid.UUID, now: datetime
) -> AgentSession:
    """The same `key` again gives the same session, whichever half of it was made before.

    Raises: NotFound, Forbidden; Invalid, Unprocessable (prompt); ProjectIdTaken, MessageIdTaken.
    """
    messages.clean_text(prompt, "prompt")
    project = projects.create_project(
        actor=actor,
        organization_id=organization_id,
        name=project_name,
        source=ProjectSource.SAMPLE,
        key=uuid.uuid5(key, "project"),
        now=now,
    )
    new = creation.NewSessions(prompt=prompt, key=key)
    return creation.create_sessions(actor=actor, project=project, new=new, now=now)[0]

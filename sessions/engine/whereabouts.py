"""In which environment a session works."""

from __future__ import annotations

import uuid

from environments import services as environments
from environments.models import Environment
from sessions.models import AgentSession


def environment_of(session: AgentSession) -> Environment | None:
    """That of its sandbox, while it has one; else where the next one will be."""
    machine = session.machine
    if machine is not None and machine.status in environments.LIVE:
        return machine.environment
    return session.environment


def environment_now(session_id: uuid.UUID) -> Environment | None:
    """The same, read anew."""
    rows = AgentSession.with_deleted.select_related("environment", "machine__environment")
    return environment_of(rows.get(pk=session_id))

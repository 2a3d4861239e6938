"""The session's row lock, under which its queue, its answers and its log change in one order."""

from __future__ import annotations

from accounts.errors import NotFound
from sessions.models import AgentSession


def locked(session: AgentSession) -> AgentSession:
    """The row as it is now, held until the transaction ends. Raises: NotFound (deleted meanwhile)."""
    row = AgentSession.objects.select_for_update().filter(pk=session.pk).first()
    if row is None:
        raise NotFound
    return row

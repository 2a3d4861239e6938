"""A session whose agent's process has ended: nothing of it goes on any more."""

from __future__ import annotations

from sessions.events import Entry
from sessions.models import AgentSession
from sessions.services import entries


def put_to_rest(session: AgentSession) -> list[Entry]:
    """Forget what the process was doing, background tasks included; returns what the log is to tell of it.

    The caller holds the session's row. What is kept is where its spool has been read to.
    """
    told = [entries.session_changed(background=[])] if session.background else []
    session.background = []
    session.agent_state = {**session.agent_state, "activity": "", "background": []}
    session.save(update_fields=["background", "agent_state"])
    return told

"""A session whose agent's process has ended: nothing of it goes on any more."""

from __future__ import annotations

from sandbox.answers import AgentStatus
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


def tell_exit(session: AgentSession, status: AgentStatus) -> list[Entry]:
    """What the log is to tell of the process's end: nothing when it has told it already.

    The caller holds the session's row, and puts it to rest with what is noted here.
    """
    told = [] if session.agent_state.get("has_exited") is True else [exited(status)]
    session.agent_state = {**session.agent_state, "has_exited": True}
    return told


def exited(status: AgentStatus) -> Entry:
    """How the process ended, as the log tells it."""
    told = {"exit_code": status.exit_code, "signal": status.signal, "stderr": status.stderr_tail[-4000:]}
    return Entry("agent.exited", told)

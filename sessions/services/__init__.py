"""Every write on sessions that has an effect; one noun a module."""

from sessions.services.control import cancel, delete_session, interrupt, stop_session, update_session
from sessions.services.creation import NewSessions, create_sessions
from sessions.services.messages import Sent, send_message
from sessions.services.permissions import Answer, answer_permission

__all__ = [
    "Answer",
    "NewSessions",
    "Sent",
    "answer_permission",
    "cancel",
    "create_sessions",
    "delete_session",
    "interrupt",
    "send_message",
    "stop_session",
    "update_session",
]

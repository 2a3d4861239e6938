"""Every write on sessions that has an effect; one noun a module."""

from sessions.services.archiving import archive_stretch, sessions_to_archive
from sessions.services.attachments import Uploaded, add_attachment, prune_attachments
from sessions.services.commands import prune_commands
from sessions.services.control import cancel, delete_session, stop_session, update_session
from sessions.services.copies import leave_the_original
from sessions.services.creation import NewSessions, create_sessions
from sessions.services.first_turn import start_first_turn
from sessions.services.interrupts import interrupt
from sessions.services.marks import mark_session, order_sessions
from sessions.services.messages import Sent, send_message
from sessions.services.moving import move_session
from sessions.services.permissions import Answer, answer_permission
from sessions.services.prompts import note_prompt, remove_prompt
from sessions.services.queue import edit_message, remove_message, send_now
from sessions.services.restart import restart_session
from sessions.services.restoring import restore_checkpoint
from sessions.services.rules import remove_rule
from sessions.services.shelving import archive_session, unarchive_session
from sessions.services.undeleting import deleted_sessions, undelete_session, undelete_with_project
from sessions.services.warming import prewarm, prewarm_environment

__all__ = [
    "Answer",
    "NewSessions",
    "Sent",
    "Uploaded",
    "add_attachment",
    "answer_permission",
    "archive_session",
    "archive_stretch",
    "cancel",
    "create_sessions",
    "delete_session",
    "deleted_sessions",
    "edit_message",
    "interrupt",
    "leave_the_original",
    "mark_session",
    "move_session",
    "note_prompt",
    "order_sessions",
    "prewarm",
    "prewarm_environment",
    "prune_attachments",
    "prune_commands",
    "remove_message",
    "remove_prompt",
    "remove_rule",
    "restart_session",
    "restore_checkpoint",
    "send_message",
    "send_now",
    "sessions_to_archive",
    "start_first_turn",
    "stop_session",
    "unarchive_session",
    "undelete_session",
    "undelete_with_project",
    "update_session",
]

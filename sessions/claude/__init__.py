"""Driver of the Claude Code CLI over stream-json. Pure: it makes lines to send, and turns lines read into outputs."""

from __future__ import annotations

from sessions.claude.command import argv, environment, gateway_url, transcript_path
from sessions.claude.lines import Line, LineFramer
from sessions.claude.messages import (
    allow_rules,
    answer_allow,
    answer_deny,
    answer_error,
    ask_title,
    end_session,
    initialize,
    interrupt,
    set_model,
    set_permission_mode,
    user_message,
)
from sessions.claude.outputs import (
    BackgroundChanged,
    ContextMeasured,
    ControlReply,
    Delta,
    Initialized,
    ModeChanged,
    ModelChosen,
    Output,
    PermissionAsked,
    PermissionWithdrawn,
    RequestUnknown,
    StateChanged,
    Torn,
    TurnEnded,
    merge_deltas,
)
from sessions.claude.reader import reduce
from sessions.claude.state import ReaderState
from sessions.events import Entry

__all__ = [
    "BackgroundChanged",
    "ContextMeasured",
    "ControlReply",
    "Delta",
    "Entry",
    "Initialized",
    "Line",
    "LineFramer",
    "ModeChanged",
    "ModelChosen",
    "Output",
    "PermissionAsked",
    "PermissionWithdrawn",
    "ReaderState",
    "RequestUnknown",
    "StateChanged",
    "Torn",
    "TurnEnded",
    "allow_rules",
    "answer_allow",
    "answer_deny",
    "answer_error",
    "argv",
    "ask_title",
    "end_session",
    "environment",
    "gateway_url",
    "initialize",
    "interrupt",
    "merge_deltas",
    "reduce",
    "set_model",
    "set_permission_mode",
    "transcript_path",
    "user_message",
]

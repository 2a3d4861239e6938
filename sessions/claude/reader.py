"""The reducer: one line of the CLI and the state before it give the state after it and what follows from the line."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from sessions.claude import background, content, control, notices, results, streams
from sessions.claude.fields import decode, ident, obj, text
from sessions.claude.outputs import Initialized, ModeChanged, Output, StateChanged, Torn
from sessions.claude.state import ReaderState
from sessions.claude.streams import Reduced
from sessions.events import Entry

_MAX_RAW = 8 * 1024

# Known, and of no use to us: progress, echoes, and what other lines tell better.
_SILENT = {
    *("command_lifecycle", "keep_alive", "tool_progress", "tool_use_summary", "prompt_suggestion", "auth_status"),
    *("control_cancel_response", "transcript_mirror"),
}
_SILENT_SYSTEM = {
    *("task_started", "task_progress", "task_updated", "task_notification"),
    *("thinking_tokens", "session_title_changed", "hook_started", "hook_progress", "hook_response"),
    *("files_persisted", "commands_changed", "plugin_install", "memory_recall", "notification", "mirror_error"),
}


def reduce(state: ReaderState, line: bytes) -> tuple[ReaderState, list[Output]]:
    """Read one line; total: whatever stands in it, an answer comes back and nothing is raised.

    Args:
        line: without its end; up to `lines.MAX_LINE_BYTES`.
    Returns: a line that is not JSON, or of a type that we do not know, is an `agent.raw` entry; strings are fit for
        PostgreSQL, payloads at most 256 KB with `is_truncated`.
    Source: the stream-json output of Claude Code 2.1.329, recorded November 2026 (`tests/sessions/captures`).
    """
    if not line.strip():
        return state, []
    try:
        message = decode(line)
    except ValueError:
        return state, [_raw(line), Torn()]
    if not isinstance(message, dict):
        return state, [_raw(line), Torn()]
    kind = message.get("type")
    handler = _HANDLERS.get(kind) if isinstance(kind, str) else None
    if handler is not None:
        return handler(state, message)
    return state, [] if isinstance(kind, str) and kind in _SILENT else [_raw(line)]


def _system(state: ReaderState, message: dict[str, Any]) -> Reduced:
    subtype = ident(message.get("subtype"))
    match subtype:
        case "init":
            mode = ident(message.get("permissionMode"))
            model = text(message.get("model"), 200)
            state = replace(state, cwd=text(message.get("cwd"), 4096), permission_mode=mode, model=model)
            return state, [Initialized(ident(message.get("session_id")), model, mode)]
        case "status":
            return _mode(state, ident(message.get("permissionMode")))
        case "session_state_changed":
            activity = ident(message.get("state"))
            return replace(state, activity=activity), [StateChanged(activity)]
        case "background_tasks_changed":
            return background.changed(state, message)
        case "task_started":
            return state.with_agent(ident(message.get("task_id")), ident(message.get("tool_use_id"))), []
        case "api_retry":
            return state, [notices.api_retry(message)]
        case "permission_denied":
            return state, [notices.permission_denied(message)]
        case "compact_boundary":
            return content.compacted(state, message)
        case "informational":
            return state, [notices.informational(message)]
    return state, [] if subtype in _SILENT_SYSTEM else [_raw_of(message)]


def _mode(state: ReaderState, mode: str) -> Reduced:
    if not mode or mode == state.permission_mode:
        return state, []
    return replace(state, permission_mode=mode), [ModeChanged(mode)]


def _reset(state: ReaderState, message: dict[str, Any]) -> Reduced:
    return state, [notices.notice("info", "The conversation was cleared.")]


def _limits(state: ReaderState, message: dict[str, Any]) -> Reduced:
    info = obj(message.get("rate_limit_info"))
    if ident(info.get("status")) in ("", "allowed"):
        return state, []
    return state, [
        notices.notice("warning", "A rate limit of the model's vendor is close or reached.", ident(info.get("status")))
    ]


def _raw(line: bytes) -> Entry:
    return Entry("agent.raw", {"text": text(line[:_MAX_RAW].decode("utf-8", "replace"), _MAX_RAW)})


def _raw_of(message: dict[str, Any]) -> Entry:
    return Entry("agent.raw", {"text": text(f"system/{ident(message.get('subtype'))}", _MAX_RAW)})


_HANDLERS: dict[str, Callable[[ReaderState, dict[str, Any]], Reduced]] = {
    "system": _system,
    "assistant": content.assistant,
    "user": content.user,
    "stream_event": streams.stream_event,
    "result": results.result,
    "control_request": control.request,
    "control_response": control.response,
    "control_cancel_request": control.cancelled,
    "conversation_reset": _reset,
    "rate_limit_event": _limits,
}

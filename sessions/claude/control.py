"""The control side: what the CLI asks us, takes back, and answers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sessions.claude.fields import MAX_PAYLOAD_BYTES, capped, ident, items, label, obj, text
from sessions.claude.outputs import ControlReply, PermissionAsked, PermissionWithdrawn, RequestUnknown
from sessions.claude.state import ReaderState
from sessions.claude.streams import Reduced

_KINDS = {"ExitPlanMode": "PLAN", "AskUserQuestion": "QUESTION"}
_MAX_SUGGESTIONS_BYTES = 16 * 1024
_MAX_DESCRIPTION = 4 * 1024
_MAX_COMMANDS, _MAX_COMMAND, _MAX_NAME = 200, 300, 100
_MAX_TITLE = 200


def request(state: ReaderState, message: dict[str, Any]) -> Reduced:
    """The CLI asks for permission; anything else it may ask is answered with an error by whoever drives."""
    asked = obj(message.get("request"))
    if asked.get("subtype") != "can_use_tool":
        request_id = ident(message.get("request_id"))
        return state.with_unknown(request_id), [RequestUnknown(request_id, ident(asked.get("subtype")))]
    return state, [permission(state, message)]


def cancelled(state: ReaderState, message: dict[str, Any]) -> Reduced:
    """The CLI no longer waits."""
    state = state.without_unknown(ident(message.get("request_id")))
    return state, [PermissionWithdrawn(ident(message.get("request_id")))]


def response(state: ReaderState, message: dict[str, Any]) -> Reduced:
    """The answer to a control request of ours."""
    answer = obj(message.get("response"))
    pending = [
        permission(state, waiting)
        for waiting in items(answer.get("pending_permission_requests"))
        if obj(waiting.get("request")).get("subtype") == "can_use_tool"
    ]
    failure = text(answer.get("error"), 2000) or "refused" if answer.get("subtype") == "error" else ""
    told = obj(answer.get("response"))
    reply = ControlReply(
        ident(answer.get("request_id")),
        failure,
        tuple(pending),
        activity=ident(told.get("session_state")),
        commands=_commands(told["commands"]) if isinstance(told.get("commands"), list) else None,
        title=label(told.get("title"), _MAX_TITLE),
    )
    return replace(state, activity=reply.activity or state.activity), [reply]


def _commands(listed: object) -> tuple[dict[str, str], ...]:
    """The slash commands, as the composer offers them."""
    return tuple(
        {
            "name": name,
            "description": label(command.get("description"), _MAX_COMMAND),
            "argument_hint": label(command.get("argumentHint"), _MAX_COMMAND),
        }
        for command in items(listed)[:_MAX_COMMANDS]
        if (name := label(command.get("name"), _MAX_NAME))
    )


def permission(state: ReaderState, message: dict[str, Any]) -> PermissionAsked:
    """A permission request as it is shown and stored."""
    asked = obj(message.get("request"))
    tool, agent_id = text(asked.get("tool_name"), 200), ident(asked.get("agent_id"))
    arguments, is_truncated = capped(obj(asked.get("input")), MAX_PAYLOAD_BYTES - 32 * 1024)
    suggestions, has_cut = capped(items(asked.get("permission_suggestions")), _MAX_SUGGESTIONS_BYTES)
    said = next((asked[name] for name in ("description", "title", "decision_reason") if asked.get(name)), "")
    return PermissionAsked(
        request_id=ident(message.get("request_id")),
        kind=_KINDS.get(tool, "TOOL"),
        tool=tool,
        input={**arguments, "is_truncated": True} if is_truncated else arguments,
        description=text(said, _MAX_DESCRIPTION),
        suggestions=() if has_cut else tuple(suggestions),
        tool_use_id=ident(asked.get("tool_use_id")),
        agent_id=agent_id,
        parent=state.agents.get(agent_id),
        cwd=state.cwd,
    )

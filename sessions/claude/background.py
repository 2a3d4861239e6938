"""Tasks that the agent runs in the background: they go on when a turn has ended, and may begin one by themselves."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sessions.claude.fields import ident, items, label
from sessions.claude.outputs import BackgroundChanged
from sessions.claude.state import ReaderState
from sessions.claude.streams import Reduced

_MAX_TASKS = 50
_MAX_DESCRIPTION = 200
_KINDS = {"local_bash": "command", "local_agent": "agent"}


def changed(state: ReaderState, line: dict[str, Any]) -> Reduced:
    """The CLI lists all that run at each change, and again after a handshake."""
    tasks = tuple(_task(task) for task in items(line.get("tasks"))[:_MAX_TASKS])
    if tasks == state.background:
        return state, []
    return replace(state, background=tasks), [BackgroundChanged(tasks)]


def _task(task: dict[str, Any]) -> dict[str, str]:
    kind = ident(task.get("task_type"))
    return {
        "id": ident(task.get("task_id")),
        "kind": _KINDS.get(kind, label(kind, _MAX_DESCRIPTION)),
        "description": label(task.get("description"), _MAX_DESCRIPTION),
    }

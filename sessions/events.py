"""The shapes of a session's log, and the doorbells that say there is more of it."""

from __future__ import annotations

import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from runtime import metrics
from sessions.live import doorbell
from sessions.live.frames import Frame
from sessions.models import Event
from sessions.storable import clean

MAX_RUNG = 64 * 1024  # characters of new events that go with a ring; readers get more from the database

# kind -> the keys of its payload; ARCHITECTURE.md has the same table for readers, and a test compares the two.
KINDS: dict[str, tuple[str, ...]] = {
    "session.status": ("status", "reason", "git_status"),
    "session.changed": ("changes",),
    "job.status": (
        "job_id",
        "message_id",
        "trigger",
        "is_urgent",
        "status",
        "progress",
        "progress_message",
        "error",
    ),
    "message.user": ("message_id", "job_id", "text", "author", "attachments"),
    "message.edited": ("message_id", "text", "by"),
    "turn.started": ("model", "permission_mode", "claude_session_id", "is_practice"),
    "assistant.text": ("block", "parent", "text"),
    "assistant.thinking": ("block", "parent", "text"),
    "tool.call": ("call_id", "parent", "name", "input"),
    "tool.result": ("call_id", "parent", "is_error", "text", "is_truncated", "is_interrupted", "images", "patch"),
    "permission.requested": ("id", "kind", "tool", "input", "description", "suggestions", "cwd", "parent"),
    "permission.resolved": ("id", "status", "reason", "by", "rules", "answers"),
    "agent.notice": ("level", "text", "detail"),
    "agent.raw": ("text",),
    "agent.exited": ("exit_code", "signal", "stderr"),
    "turn.completed": (
        "is_error",
        "error",
        "duration_ms",
        "num_turns",
        "input_tokens",
        "output_tokens",
        "cache_read_tokens",
        "cache_write_tokens",
        "cost_usd",
    ),
    "context.compacted": ("trigger", "tokens_before", "tokens_after"),
    "checkpoint.created": ("checkpoint_id", "commit", "git_status", "files_changed", "files_changed_in_turn"),
    "session.moved": ("move_id", "by", "from", "to", "error"),
    "tree.restored": (
        "restore_id",
        "by",
        "from_checkpoint_id",
        "to_checkpoint_id",
        "commit",
        "git_status",
        "files_changed",
        "error",
    ),
}

# What changes how a session looks in the tree; the rest of a turn does not, and rings nobody there.
SHOWN_IN_TREE = frozenset(
    (
        "session.status",
        "session.changed",
        "job.status",
        "message.user",
        "turn.completed",
        "permission.requested",
        "permission.resolved",
        "checkpoint.created",
    )
)


@dataclass(frozen=True)
class Entry:
    """One thing to be appended to a session's log."""

    kind: str
    payload: dict[str, Any]

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"unknown event kind: {self.kind}")


def serialize(event: Event) -> dict[str, Any]:
    """The one form in which REST, SSE and WebSocket show an event."""
    return {
        "seq": event.seq,
        "kind": event.kind,
        "payload": event.payload,
        "job_id": str(event.job_id) if event.job_id else None,
        "created_at": event.created_at.isoformat().replace("+00:00", "Z"),
    }


def watchers_group(session_id: uuid.UUID) -> str:
    """Sockets and streams that show the session."""
    return f"session.{session_id.hex}"


def control_group(session_id: uuid.UUID) -> str:
    """The runner that works on the session."""
    return f"control.{session_id.hex}"


async def aring(session_id: uuid.UUID, last_seq: int, new: Sequence[Frame] = ()) -> None:
    """Tell watchers that the log reaches to `last_seq`, and what is new unless that is much."""
    doorbell.hub().ring(watchers_group(session_id), _log_message(last_seq, new))


async def aring_tree(organization_id: uuid.UUID, session_id: uuid.UUID, new: Sequence[Frame]) -> None:
    """Tell pages that show the tree to look at this session, where they show something of what is new."""
    if _shows_in_tree(new):
        doorbell.hub().ring(organization_group(organization_id), _tree_message(session_id))


async def aring_delta(
    session_id: uuid.UUID, *, block: str, parent: str | None, kind: str, offset: int, text: str
) -> None:
    """Pass on text that streams; `offset` counts the characters of its block before it. Transient: an event follows."""
    delta = clean({"block": block, "parent": parent, "kind": kind, "offset": offset, "text": text})
    doorbell.hub().ring(watchers_group(session_id), {"type": "session.delta", "delta": delta})


async def aring_control(session_id: uuid.UUID) -> None:
    """Tell the runner to look at the session's rows: an answer, an interrupt, a cancel, a new message or mode."""
    doorbell.hub().ring(control_group(session_id), {"type": "session.control"})


def ring(session_id: uuid.UUID, last_seq: int, new: Sequence[Frame] = ()) -> None:
    doorbell.ring(watchers_group(session_id), _log_message(last_seq, new))


def ring_tree(organization_id: uuid.UUID, session_id: uuid.UUID, new: Sequence[Frame]) -> None:
    if _shows_in_tree(new):
        doorbell.ring(organization_group(organization_id), _tree_message(session_id))


def ring_control(session_id: uuid.UUID) -> None:
    doorbell.ring(control_group(session_id), {"type": "session.control"})


def organization_group(organization_id: uuid.UUID) -> str:
    """Pages that show the organisation's tree."""
    return f"organization.{organization_id.hex}"


def marks_group(organization_id: uuid.UUID, user_id: uuid.UUID) -> str:
    """One person's pages that show it."""
    return f"marks.{organization_id.hex}.{user_id.hex}"


def ring_marks(organization_id: uuid.UUID, user_id: uuid.UUID, session_ids: Sequence[uuid.UUID]) -> None:
    """Tell a person's pages that these sessions are marked otherwise now."""
    message = {"type": "marks", "session_ids": [id.hex for id in session_ids]}
    doorbell.ring(marks_group(organization_id, user_id), message)


def ring_organization(organization_id: uuid.UUID) -> None:
    """Tell whoever shows the tree to look at all of it."""
    doorbell.ring(organization_group(organization_id), {"type": "tree", "session_id": None})


def _tree_message(session_id: uuid.UUID) -> doorbell.Message:
    return {"type": "tree", "session_id": session_id.hex}


def _shows_in_tree(new: Sequence[Frame]) -> bool:
    return any(frame.kind in SHOWN_IN_TREE for frame in new)


def _log_message(last_seq: int, new: Sequence[Frame]) -> doorbell.Message:
    for frame in new:
        metrics.EVENTS.labels(frame.kind).inc()
    is_small = sum(len(frame.body) for frame in new) <= MAX_RUNG
    told = [(frame.seq, frame.kind, frame.body) for frame in new] if is_small else []
    return {"type": "session.log", "last_seq": last_seq, "events": told, "at": time.time()}

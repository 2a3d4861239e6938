"""The shapes of a session's log, and the doorbells that say there is more of it."""

from __future__ import annotations

import asyncio
import uuid
from dataclasses import dataclass
from typing import Any

import structlog
from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer

from sessions.models import Event

logger = structlog.get_logger(__name__)

RING_TIMEOUT_S = 1.0

# kind -> the keys of its payload; ARCHITECTURE.md has the same table for readers, and a test compares the two.
KINDS: dict[str, tuple[str, ...]] = {
    "session.status": ("status", "reason", "git_status"),
    "job.status": ("job_id", "message_id", "status", "progress", "progress_message", "error"),
    "message.user": ("message_id", "job_id", "text", "author"),
    "turn.started": ("model", "permission_mode", "claude_session_id", "is_practice"),
    "assistant.text": ("block", "parent", "text"),
    "assistant.thinking": ("block", "parent", "text"),
    "tool.call": ("call_id", "parent", "name", "input"),
    "tool.result": ("call_id", "parent", "is_error", "text", "is_truncated", "images", "patch"),
    "permission.requested": ("id", "kind", "tool", "input", "description", "suggestions", "cwd", "parent"),
    "permission.resolved": ("id", "status", "reason", "by"),
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
    "checkpoint.created": ("checkpoint_id", "commit", "git_status", "files_changed"),
}


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


async def _send(group: str, message: dict[str, Any]) -> None:
    """A lost doorbell costs a second, never data: readers also look by themselves."""
    layer = get_channel_layer()
    try:
        async with asyncio.timeout(RING_TIMEOUT_S):
            await layer.group_send(group, message)
    except Exception as error:
        logger.warning("doorbell_failed", group=group, error=repr(error))


async def aring(session_id: uuid.UUID, last_seq: int) -> None:
    """Tell watchers that the log reaches to `last_seq`."""
    await _send(watchers_group(session_id), {"type": "session.log", "last_seq": last_seq})


async def aring_delta(
    session_id: uuid.UUID, *, block: str, parent: str | None, kind: str, offset: int, text: str
) -> None:
    """Pass on text that streams; `offset` counts the characters of its block before it. Transient: an event follows."""
    delta = {"block": block, "parent": parent, "kind": kind, "offset": offset, "text": text}
    await _send(watchers_group(session_id), {"type": "session.delta", "delta": delta})


async def aring_control(session_id: uuid.UUID) -> None:
    """Tell the runner to look at the session's rows: an answer, an interrupt, a cancel, a new message or mode."""
    await _send(control_group(session_id), {"type": "session.control"})


def ring(session_id: uuid.UUID, last_seq: int) -> None:
    async_to_sync(aring)(session_id, last_seq)


def ring_control(session_id: uuid.UUID) -> None:
    async_to_sync(aring_control)(session_id)

"""The shapes of a session's log, and the doorbells that say there is more of it."""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections import deque
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Protocol, Self

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


class Delta(Protocol):
    """A piece of streamed text; `offset` counts the characters of its block before it."""

    @property
    def block(self) -> str: ...
    @property
    def parent(self) -> str | None: ...
    @property
    def kind(self) -> str: ...
    @property
    def offset(self) -> int: ...
    @property
    def text(self) -> str: ...


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


async def ring_delta(session_id: uuid.UUID, delta: Delta) -> None:
    """Pass on text that streams; transient, the final text comes as an event."""
    fields = ("block", "parent", "kind", "offset", "text")
    shown = {name: getattr(delta, name) for name in fields}
    await _send(watchers_group(session_id), {"type": "session.delta", "delta": shown})


async def aring_control(session_id: uuid.UUID) -> None:
    """Tell the runner to look at the session's rows: an answer, an interrupt, a cancel, a new message or mode."""
    await _send(control_group(session_id), {"type": "session.control"})


def ring(session_id: uuid.UUID, last_seq: int) -> None:
    async_to_sync(aring)(session_id, last_seq)


def ring_control(session_id: uuid.UUID) -> None:
    async_to_sync(aring_control)(session_id)


class Doorbell:
    """Listens to one group: `wait` ends at a ring or after a while, whichever is first.

    The layer is read by a task of its own, since one of the layers drops a channel whose `receive` is cancelled. What a slow
    reader has not taken is bounded: beyond `LIMIT` messages the oldest go, and `wait` says nothing of them.
    """

    LIMIT = 1000

    def __init__(self, group: str) -> None:
        self._group = group
        self._rung = asyncio.Event()
        self._messages: deque[dict[str, Any]] = deque(maxlen=self.LIMIT)
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        subscribed = asyncio.Event()
        self._task = asyncio.create_task(self._listen(subscribed))
        await subscribed.wait()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def wait(self, timeout_s: float) -> list[dict[str, Any]]:
        """The messages since the last call, in order; none when the time is over first."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self._rung.wait()
        self._rung.clear()
        messages = list(self._messages)
        self._messages.clear()
        return messages

    async def _listen(self, subscribed: asyncio.Event) -> None:
        """Readers also look by themselves, so a layer that is down only makes them slower."""
        while True:
            try:
                await self._receive(subscribed)
            except Exception as error:
                logger.warning("doorbell_lost", group=self._group, error=repr(error))
            subscribed.set()
            await asyncio.sleep(1)

    async def _receive(self, subscribed: asyncio.Event) -> None:
        layer = get_channel_layer()
        async with asyncio.timeout(RING_TIMEOUT_S):
            channel = await layer.new_channel()
            await layer.group_add(self._group, channel)
        subscribed.set()
        try:
            while True:
                self._messages.append(await layer.receive(channel))
                self._rung.set()
        finally:
            with contextlib.suppress(Exception):
                await layer.group_discard(self._group, channel)

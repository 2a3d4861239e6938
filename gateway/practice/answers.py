"""What the practice model can say: one `Step` is one answer of the Messages API."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any


class StreamDropped(Exception):
    """A script asked for the connection to be cut in the middle of the stream."""


@dataclass(frozen=True)
class Text:
    """A text block, sent in `chunks` pieces with a pause of `delay_s` after each."""

    text: str
    chunks: int = 3
    delay_s: float = 0.0
    is_stamped: bool = False


@dataclass(frozen=True)
class Thinking:
    """A thinking block."""

    text: str
    signature: str = "c2ln"
    chunks: int = 3
    delay_s: float = 0.0


@dataclass(frozen=True)
class ToolCall:
    """A tool_use block; without an id one is made."""

    name: str
    input: dict[str, Any]
    id: str = ""


@dataclass(frozen=True)
class Sleep:
    """A pause inside the stream."""

    seconds: float


@dataclass(frozen=True)
class StreamError:
    """An error event in the middle of the stream, which ends there."""

    kind: str


@dataclass(frozen=True)
class Drop:
    """The connection is cut here."""


@dataclass(frozen=True)
class Refusal:
    """An HTTP error instead of an answer."""

    status: int
    kind: str
    message: str
    headers: dict[str, str] = field(default_factory=dict)


Part = Text | Thinking | ToolCall | Sleep | StreamError | Drop


@dataclass(frozen=True)
class Step:
    """One answer: its parts in order; `stop` and `usage` override what follows from them."""

    parts: tuple[Part, ...]
    stop: str = ""
    usage: dict[str, Any] = field(default_factory=dict)

    @property
    def stop_reason(self) -> str:
        """`tool_use` when the answer calls a tool, else `end_turn`, unless overridden."""
        return self.stop or ("tool_use" if any(isinstance(part, ToolCall) for part in self.parts) else "end_turn")


@dataclass(frozen=True)
class Reply:
    """An HTTP answer: either a JSON `body` or a server-sent event `stream`."""

    status: int
    headers: dict[str, str]
    body: dict[str, Any] | None = None
    stream: AsyncIterator[bytes] | None = None


def refuse(refusal: Refusal) -> Reply:
    """An error in the vendor's shape."""
    body = {"type": "error", "error": {"type": refusal.kind, "message": refusal.message}, "request_id": "req_practice"}
    return Reply(refusal.status, {"content-type": "application/json", **refusal.headers}, body)

"""What reading the agent's lines can lead to. Entries for the log are `sessions.events.Entry`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from sessions.events import Entry


@dataclass(frozen=True)
class Delta:
    """A piece of text that streams; `offset` is the number of characters (code points) of the block before it."""

    block: str
    parent: str | None
    kind: str
    offset: int
    text: str


@dataclass(frozen=True)
class PermissionAsked:
    """The agent waits for an answer; `parent` is the tool call of the sub-agent that asks."""

    request_id: str
    kind: str
    tool: str
    input: dict[str, Any]
    description: str
    suggestions: tuple[dict[str, Any], ...]
    tool_use_id: str
    agent_id: str
    parent: str | None = None
    cwd: str = ""


@dataclass(frozen=True)
class PermissionWithdrawn:
    """The agent no longer waits for this answer."""

    request_id: str


@dataclass(frozen=True)
class TurnEnded:
    """A turn is over; `entry` has been put out just before."""

    is_error: bool
    error: str
    message_ids: tuple[str, ...]
    duration_ms: int
    num_turns: int
    input_tokens: int
    output_tokens: int
    cache_read_tokens: int
    cache_write_tokens: int
    cost_usd: Decimal
    entry: Entry
    claude_session_id: str = ""
    is_unasked: bool = False  # the agent began this turn by itself, as when a background task had ended


@dataclass(frozen=True)
class Initialized:
    """A turn begins, with these options."""

    claude_session_id: str
    model: str
    permission_mode: str


@dataclass(frozen=True)
class ControlReply:
    """The CLI answered a control request of ours; `pending` is what it waits for, told in reply to `initialize`."""

    request_id: str
    error: str
    pending: tuple[PermissionAsked, ...] = ()
    activity: str = ""  # to `initialize`: what the session is doing
    commands: tuple[dict[str, str], ...] | None = None  # to `initialize`: the slash commands that there are
    title: str = ""  # to `generate_session_title`


@dataclass(frozen=True)
class StateChanged:
    """`running`, `requires_action` or `idle`."""

    state: str


@dataclass(frozen=True)
class ModeChanged:
    """The permission mode changed in the middle of a turn, as after an approved plan."""

    permission_mode: str


@dataclass(frozen=True)
class ModelChosen:
    """A slash command chose another model, by the name that was typed."""

    model: str


@dataclass(frozen=True)
class RequestUnknown:
    """The CLI asks for something that we do not know; it waits for `answer_error`."""

    request_id: str
    subtype: str


@dataclass(frozen=True)
class BackgroundChanged:
    """These tasks go on in the background now."""

    tasks: tuple[dict[str, str], ...]


@dataclass(frozen=True)
class ContextMeasured:
    """How full the model's context is, and how much it holds (0 while unknown)."""

    tokens: int
    window: int


@dataclass(frozen=True)
class Torn:
    """What came is not a whole message: something that we should know may be lost."""


Output = (
    Entry
    | Delta
    | PermissionAsked
    | PermissionWithdrawn
    | TurnEnded
    | Initialized
    | ControlReply
    | StateChanged
    | ModeChanged
    | ModelChosen
    | RequestUnknown
    | BackgroundChanged
    | ContextMeasured
    | Torn
)


def merge_deltas(deltas: Iterable[Delta]) -> list[Delta]:
    """The same text in as few deltas as possible."""
    merged: list[Delta] = []
    for delta in deltas:
        last = merged[-1] if merged else None
        if (
            last
            and (last.block, last.kind) == (delta.block, delta.kind)
            and last.offset + len(last.text) == delta.offset
        ):
            merged[-1] = replace(last, text=last.text + delta.text)
        else:
            merged.append(delta)
    return merged

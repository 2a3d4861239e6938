"""What the reader must remember between two lines; it is stored with the offset, so that another worker can go on."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from decimal import Decimal, InvalidOperation
from typing import Any, Self, TypeVar

from sessions.claude.fields import ident, items, number, obj, text

_MAX_KEPT = 64
_T = TypeVar("_T")


@dataclass(frozen=True)
class Block:
    """A content block that streams and whose final line has not come yet; `length` counts the characters so far."""

    index: int
    kind: str
    length: int


@dataclass(frozen=True)
class Stream:
    """An answer of the model that streams."""

    message: str
    blocks: tuple[Block, ...] = ()


@dataclass(frozen=True)
class ReaderState:
    """The state after a line.

    `streams` is keyed by the tool call of the sub-agent, "" for the main thread. `counted` has for each message the
    index of its next block, `agents` which tool call a sub-agent belongs to.
    """

    cwd: str = ""
    permission_mode: str = ""
    total_cost_usd: Decimal = Decimal(0)
    model: str = ""
    activity: str = ""  # what the CLI calls its session's state: running, requires_action or idle; "" while unknown
    background: tuple[dict[str, str], ...] = ()  # tasks that go on by themselves
    context_tokens: int = 0
    context_window: int = 0
    has_exited: bool = False  # the process has ended, and the log says so
    unknown: tuple[str, ...] = ()  # requests of the CLI that nobody here can serve, until they are refused
    streams: dict[str, Stream] = field(default_factory=dict)
    counted: dict[str, int] = field(default_factory=dict)
    agents: dict[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """A JSON object for `from_json`; pairs are lists, since PostgreSQL does not keep the order of keys."""
        return {
            "cwd": self.cwd,
            "permission_mode": self.permission_mode,
            "total_cost_usd": f"{self.total_cost_usd:f}",
            "model": self.model,
            "activity": self.activity,
            "background": list(self.background),
            "context_tokens": self.context_tokens,
            "context_window": self.context_window,
            "has_exited": self.has_exited,
            "unknown": list(self.unknown),
            "streams": [
                [key, {"message": stream.message, "blocks": [[b.index, b.kind, b.length] for b in stream.blocks]}]
                for key, stream in self.streams.items()
            ],
            "counted": [list(pair) for pair in self.counted.items()],
            "agents": [list(pair) for pair in self.agents.items()],
        }

    @classmethod
    def from_json(cls, value: object) -> Self:
        """The state that was stored; nothing, or something else, gives the state at the beginning."""
        stored = obj(value)
        return cls(
            cwd=text(stored.get("cwd")),
            permission_mode=ident(stored.get("permission_mode")),
            total_cost_usd=_amount(stored.get("total_cost_usd")),
            model=text(stored.get("model"), 200),
            activity=ident(stored.get("activity")),
            background=tuple(
                {key: text(value, 1000) for key, value in task.items()} for task in items(stored.get("background"))
            ),
            context_tokens=number(stored.get("context_tokens")),
            context_window=number(stored.get("context_window")),
            has_exited=stored.get("has_exited") is True,
            unknown=_idents(stored.get("unknown")),
            streams={key: _stream(stream) for key, stream in _pairs(stored.get("streams"))},
            counted={key: number(count) for key, count in _pairs(stored.get("counted"))},
            agents={key: ident(parent) for key, parent in _pairs(stored.get("agents"))},
        )

    def with_agent(self, agent_id: str, parent: str) -> Self:
        """Remember which tool call a sub-agent belongs to."""
        if not agent_id or not parent or self.agents.get(agent_id) == parent:
            return self
        return replace(self, agents=_newest(self.agents, agent_id, parent))

    def with_unknown(self, request_id: str) -> Self:
        """Remember a request that is to be refused; one without an id cannot be."""
        if not request_id:
            return self
        rest = [known for known in self.unknown if known != request_id]
        return replace(self, unknown=(*rest[-(_MAX_KEPT - 1) :], request_id))

    def without_unknown(self, request_id: str) -> Self:
        """It has been refused."""
        return replace(self, unknown=tuple(known for known in self.unknown if known != request_id))

    def with_stream(self, parent: str, stream: Stream | None) -> Self:
        """Replace what is known of one stream; None forgets it."""
        rest = {key: known for key, known in self.streams.items() if key != parent}
        return replace(self, streams=rest if stream is None else _newest(rest, parent, stream))

    def with_count(self, message_id: str, count: int) -> Self:
        """Remember the index of a message's next block."""
        return replace(self, counted=_newest(self.counted, message_id, count))


def _amount(value: object) -> Decimal:
    try:
        amount = Decimal(ident(value))
    except InvalidOperation:
        return Decimal(0)
    return amount if amount.is_finite() else Decimal(0)


def _idents(value: object) -> tuple[str, ...]:
    return tuple(name for item in (value if isinstance(value, list) else []) if (name := ident(item)))


def _pairs(value: object) -> list[tuple[str, Any]]:
    pairs = value if isinstance(value, list) else []
    return [
        (pair[0], pair[1]) for pair in pairs if isinstance(pair, list) and len(pair) == 2 and isinstance(pair[0], str)
    ]


def _stream(value: object) -> Stream:
    blocks = obj(value).get("blocks")
    return Stream(
        ident(obj(value).get("message")),
        tuple(
            Block(number(block[0]), ident(block[1]), number(block[2]))
            for block in (blocks if isinstance(blocks, list) else [])
            if isinstance(block, list) and len(block) == 3
        ),
    )


def _newest(known: dict[str, _T], key: str, value: _T) -> dict[str, _T]:
    """With the key at the end; beyond a limit the oldest are forgotten."""
    kept = {name: item for name, item in known.items() if name != key}
    return {**dict(list(kept.items())[-(_MAX_KEPT - 1) :]), key: value}

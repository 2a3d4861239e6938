"""The end of a turn: how it went and what it cost."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from sessions.claude import notices
from sessions.claude.fields import ident, number, obj, text
from sessions.claude.outputs import ContextMeasured, TurnEnded
from sessions.claude.state import ReaderState
from sessions.claude.streams import Reduced
from sessions.events import Entry

_MAX_MESSAGES = 1000
_MAX_COST = Decimal(10**6)
_MODEL_USAGE = ("inputTokens", "outputTokens", "cacheReadInputTokens", "cacheCreationInputTokens")
_USAGE = ("input_tokens", "output_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")
_SMALLEST = Decimal("0.00000001")


@dataclass(frozen=True)
class _Bill:
    input_tokens: int = 0
    output_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    cost_usd: Decimal = Decimal(0)


def result(state: ReaderState, message: dict[str, Any]) -> Reduced:
    """The `result` line: an entry for the log, and the same for whoever drives."""
    bill = _bill(state, message)
    failure = _error(message) if message.get("is_error") is True else ""
    payload = {
        "is_error": bool(failure),
        "error": failure or None,
        "duration_ms": number(message.get("duration_ms")),
        "num_turns": number(message.get("num_turns")),
        "input_tokens": bill.input_tokens,
        "output_tokens": bill.output_tokens,
        "cache_read_tokens": bill.cache_read_tokens,
        "cache_write_tokens": bill.cache_write_tokens,
        "cost_usd": f"{bill.cost_usd:f}",
    }
    entry = Entry("turn.completed", payload)
    ended = TurnEnded(
        is_error=bool(failure),
        error=failure,
        message_ids=_message_ids(message),
        duration_ms=number(message.get("duration_ms")),
        num_turns=number(message.get("num_turns")),
        input_tokens=bill.input_tokens,
        output_tokens=bill.output_tokens,
        cache_read_tokens=bill.cache_read_tokens,
        cache_write_tokens=bill.cache_write_tokens,
        cost_usd=bill.cost_usd,
        entry=entry,
        claude_session_id=ident(message.get("session_id")),
        is_unasked=ident(obj(message.get("origin")).get("kind")) == "task-notification",
    )
    window = _window(state, obj(message.get("modelUsage")))
    measured = [] if window == state.context_window else [ContextMeasured(state.context_tokens, window)]
    spent = _money(message.get("total_cost_usd"))
    return replace(state, total_cost_usd=spent, context_window=window, streams={}), [*measured, entry, ended]


def _window(state: ReaderState, usage: dict[str, Any]) -> int:
    """How much the session's model holds; of several models the one that the turn began with."""
    named = number(obj(usage.get(state.model)).get("contextWindow"))
    return (
        named
        or max([number(obj(model).get("contextWindow")) for model in usage.values()], default=0)
        or state.context_window
    )


def _message_ids(message: dict[str, Any]) -> tuple[str, ...]:
    """The messages of ours that this turn has answered; none when the agent woke by itself."""
    several = message.get("user_message_uuids")
    named = several if isinstance(several, list) and several else [message.get("user_message_uuid")]
    return tuple(name for name in map(ident, named[:_MAX_MESSAGES]) if name)


def _bill(state: ReaderState, message: dict[str, Any]) -> _Bill:
    """What was used since the result before; older CLIs tell only the turn's tokens and the sum of the money."""
    since = message.get("model_usage_since_last_result")
    if isinstance(since, dict):
        models = [obj(model) for model in since.values()]
        counts = [sum(number(model.get(name)) for model in models) for name in _MODEL_USAGE]
        spent = sum((_money(model.get("costUSD")) for model in models), Decimal(0))
    else:
        usage = obj(message.get("usage"))
        counts = [number(usage.get(name)) for name in _USAGE]
        spent = _money(message.get("total_cost_usd")) - state.total_cost_usd
    return _Bill(counts[0], counts[1], counts[2], counts[3], cost_usd=_within(spent))


def _money(value: object) -> Decimal:
    """An amount in USD; what cannot be one is nothing."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return Decimal(0)
    amount = Decimal(str(value))
    return _within(amount) if amount.is_finite() and amount <= _MAX_COST else Decimal(0)


def _within(amount: Decimal) -> Decimal:
    return min(_MAX_COST, max(Decimal(0), amount)).quantize(_SMALLEST)


def _error(message: dict[str, Any]) -> str:
    """Why the turn failed, in words for people."""
    reason, subtype = ident(message.get("terminal_reason")), ident(message.get("subtype"))
    if reason.startswith("aborted"):
        return "The turn was interrupted."
    if reason == "prompt_too_long":
        return notices.advice(413)
    if subtype == "error_max_turns":
        return "The agent has taken as many steps as one turn may have. Send a message to go on."
    if subtype == "error_max_budget_usd":
        return "The money for this turn is used up."
    if reason == "api_error":
        return notices.advice(number(message.get("api_error_status")))
    return text(message.get("result"), 2000) or "The agent ended the turn with an error."

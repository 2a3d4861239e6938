"""The models that sessions may use, and what their tokens cost."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

from django.conf import settings

FAMILIES = {"opus": "Opus", "sonnet": "Sonnet", "haiku": "Haiku", "fable": "Fable", "mythos": "Mythos"}

_FAMILY = re.compile(r"claude-(?:[0-9]+-)*(opus|sonnet|haiku|fable|mythos)(?:-[a-z0-9]+)*")
_DATE = re.compile(r"-20\d{6}$")
_MILLION = Decimal(1_000_000)
_SEARCH_USD = Decimal("0.01")
_LONG_PROMPT_TOKENS = 100_000


@dataclass(frozen=True)
class ModelChoice:
    """One model of the menu: the name that the CLI takes, and what people read."""

    name: str
    label: str


@dataclass(frozen=True)
class Tokens:
    """What one call used; the cache writes are split by how long they are kept."""

    input: int = 0
    output: int = 0
    cache_write_5m: int = 0
    cache_write_1h: int = 0
    cache_read: int = 0
    searches: int = 0

    @property
    def cache_write(self) -> int:
        return self.cache_write_5m + self.cache_write_1h

    @property
    def prompt(self) -> int:
        return self.input + self.cache_write + self.cache_read


class Price(NamedTuple):
    """USD per million tokens; cache writes cost 1.25 times the input price for five minutes, twice for an hour."""

    input: Decimal
    output: Decimal
    cache_read: Decimal


def _price(input_usd: str, output_usd: str, cache_read_usd: str) -> Price:
    return Price(Decimal(input_usd), Decimal(output_usd), Decimal(cache_read_usd))


# Source: the price table inside Claude Code 2.1.329 (read November 2026). Oldest first within a family: a version that
# is not listed costs what the last one of its family does.
_PRICES: dict[str, Price] = {
    "claude-3-haiku": _price("0.25", "1.25", "0.03"),
    "claude-3-5-haiku": _price("0.8", "4", "0.08"),
    "claude-haiku-4-5": _price("1", "5", "0.1"),
    "claude-haiku-5-5": _price("0.1", "0.5", "0.01"),
    "claude-3-5-sonnet": _price("3", "15", "0.3"),
    "claude-3-7-sonnet": _price("3", "15", "0.3"),
    "claude-sonnet-4": _price("3", "15", "0.3"),
    "claude-sonnet-4-5": _price("3", "15", "0.3"),
    "claude-sonnet-4-6": _price("3", "15", "0.3"),
    "claude-sonnet-5": _price("2", "10", "0.2"),
    "claude-sonnet-5-5": _price("2", "10", "0.1"),
    "claude-3-opus": _price("15", "75", "1.5"),
    "claude-opus-4": _price("15", "75", "1.5"),
    "claude-opus-4-0": _price("15", "75", "1.5"),
    "claude-opus-4-1": _price("15", "75", "1.5"),
    "claude-opus-4-5": _price("5", "25", "0.5"),
    "claude-opus-4-6": _price("5", "25", "0.5"),
    "claude-opus-4-7": _price("5", "25", "0.5"),
    "claude-opus-4-8": _price("5", "25", "0.5"),
    "claude-opus-5": _price("5", "25", "0.5"),
    "claude-opus-5-5": _price("4", "20", "0.2"),
    "claude-fable-5": _price("10", "50", "1"),
    "claude-fable-5-1": _price("10", "50", "0.25"),
    "claude-fable-5-2": _price("8", "40", "0.2"),
    "claude-mythos-5": _price("10", "50", "1"),
    "claude-mythos-5-1": _price("10", "50", "0.25"),
    "claude-mythos-5-2": _price("8", "40", "0.2"),
}
# Haiku 5.5 costs five times as much once the prompt is longer than 100,000 tokens.
_LONG_PROMPT_PRICES = {"claude-haiku-5-5": _price("0.5", "2.5", "0.05")}


def family_of(name: str) -> str | None:
    """The family of an alias (`sonnet`, `sonnet[1m]`) or full name (`claude-sonnet-5-5`); None when it is neither."""
    bare = name.removesuffix("[1m]")
    if bare in FAMILIES:
        return bare
    match = _FAMILY.fullmatch(bare)
    return match.group(1) if match else None


def is_allowed(name: str) -> bool:
    """Whether a call or a session may name this model: an allowed alias stands for its whole family."""
    if name in settings.MODELS:
        return True
    allowed = {family_of(choice) for choice in settings.MODELS if not choice.startswith("claude-")}
    family = family_of(name)
    return family is not None and family in allowed


def listed_name(name: str) -> str:
    """The name that a model is counted under: one of those listed here, so that callers can make up no others."""
    bare = _DATE.sub("", name.removesuffix("[1m]"))
    return bare if bare in _PRICES else family_of(bare) or "other"


def choices() -> list[ModelChoice]:
    """The menu, the default first."""
    return [ModelChoice(name, _label(name)) for name in settings.MODELS]


def _label(name: str) -> str:
    if name.removesuffix("[1m]") in FAMILIES:
        return FAMILIES[name.removesuffix("[1m]")] + (" (1M context)" if name.endswith("[1m]") else "")
    return name


def cost_usd(model: str, tokens: Tokens) -> Decimal:
    """What these tokens cost at this model, exact to the last digit that the ledger keeps."""
    price = price_of(model, prompt_tokens=tokens.prompt)
    per_million = (
        tokens.input * price.input
        + tokens.output * price.output
        + tokens.cache_write_5m * price.input * Decimal("1.25")
        + tokens.cache_write_1h * price.input * 2
        + tokens.cache_read * price.cache_read
    )
    return (per_million / _MILLION + tokens.searches * _SEARCH_USD).quantize(Decimal("0.00000001"))


def price_of(model: str, *, prompt_tokens: int = 0) -> Price:
    """The operator's price when there is one, else the listed one, else that of the newest model of the family."""
    bare = _DATE.sub("", model.removesuffix("[1m]"))
    family = family_of(bare)
    for name in (bare, family):
        if name in settings.MODEL_PRICES:
            input_usd, output_usd = settings.MODEL_PRICES[name]
            return Price(input_usd, output_usd, input_usd / 10)
    if bare not in _PRICES:
        bare = _newest(family)
    if prompt_tokens > _LONG_PROMPT_TOKENS and bare in _LONG_PROMPT_PRICES:
        return _LONG_PROMPT_PRICES[bare]
    return _PRICES[bare]


def _newest(family: str | None) -> str:
    """The last listed name of the family; a model of no family costs what the dearest does, so that a budget holds."""
    if family is None:
        return max(_PRICES, key=lambda name: _PRICES[name].output)
    return [name for name in _PRICES if family_of(name) == family][-1]

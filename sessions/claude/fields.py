"""Reading fields of messages that may hold anything, and making values small and storable."""

from __future__ import annotations

import json
import math
from typing import Any

from accounts.names import one_line

MAX_PAYLOAD_BYTES = 256 * 1024
_MAX_ID = 100
_MAX_DEPTH = 40
_MAX_ITEMS = 20_000
_STRING_LIMITS = (200_000, 20_000, 2_000, 200)
_MAX_COUNT = 2**53


def decode(line: bytes) -> Any:
    """The JSON value of a line. Raises: ValueError (not JSON, or nested too deep to be read)."""
    try:
        return json.loads(line.decode("utf-8", "replace"), parse_constant=lambda _: None)
    except RecursionError as error:
        raise ValueError("nested too deep") from error


def text(value: object, limit: int = MAX_PAYLOAD_BYTES) -> str:
    """A string that PostgreSQL can store, at most `limit` bytes long; anything but a string is empty."""
    if not isinstance(value, str):
        return ""
    clean = _storable(value[:limit])
    return clean if len(clean) * 4 <= limit else clean.encode()[:limit].decode("utf-8", "ignore")


def label(value: object, limit: int) -> str:
    """Words of the agent's that stand among ours, as a title or in a menu: one line, of what can be seen."""
    return one_line(text(value, limit))


def ident(value: object) -> str:
    """An id of the CLI's making, which is short."""
    return text(value, _MAX_ID)


def obj(value: object) -> dict[str, Any]:
    """The value if it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def items(value: object) -> list[dict[str, Any]]:
    """The objects of a list; of anything else, none."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def number(value: object) -> int:
    """A count: zero when it is not one."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return 0
    return int(min(max(value, 0), _MAX_COUNT))


def capped(value: Any, limit: int = MAX_PAYLOAD_BYTES) -> tuple[Any, bool]:
    """The value as PostgreSQL can store it, in at most `limit` bytes of JSON, and whether something was cut."""
    for longest in _STRING_LIMITS:
        shrinker = _Shrinker(longest)
        small = shrinker.shrink(value, _MAX_DEPTH)
        if len(json.dumps(small, ensure_ascii=False).encode()) <= limit:
            return small, shrinker.has_cut
    return ({} if isinstance(value, dict) else [] if isinstance(value, list) else None), True


class _Shrinker:
    """Cuts strings, depth and number of items before anything is copied."""

    def __init__(self, longest: int) -> None:
        self._longest = longest
        self._left = _MAX_ITEMS
        self.has_cut = False

    def shrink(self, value: Any, depth: int) -> Any:
        self._left -= 1
        if isinstance(value, str):
            return self._string(value)
        if isinstance(value, float):
            return value if math.isfinite(value) else None
        if not isinstance(value, dict | list):
            return value
        if depth == 0 or self._left <= 0:
            self.has_cut = True
            return None
        if isinstance(value, list):
            return [self.shrink(item, depth - 1) for item in self._some(value)]
        return {self._string(key): self.shrink(value[key], depth - 1) for key in self._some(list(value))}

    def _some(self, members: list[Any]) -> list[Any]:
        if len(members) > self._left:
            self.has_cut = True
        return members[: max(0, self._left)]

    def _string(self, value: str) -> str:
        if len(value) <= self._longest:
            return _storable(value)
        self.has_cut = True
        return _storable(value[: self._longest])


def _storable(value: str) -> str:
    """PostgreSQL's jsonb takes neither NUL nor lone surrogates."""
    value = value.replace("\0", "\ufffd")
    try:
        value.encode()
    except UnicodeEncodeError:
        return "".join("\ufffd" if "\ud800" <= char <= "\udfff" else char for char in value)
    return value

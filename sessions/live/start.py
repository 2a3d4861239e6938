"""Where a reader of a log begins: after the number that it has, or with the newest page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self
from urllib.parse import parse_qs

from accounts.errors import Invalid

MAX_SEQ = 2**63 - 1
MAX_TAIL = 1000  # events that a reader may begin with


@dataclass(frozen=True)
class Start:
    """`after` is None when the reader has nothing; `tail` is 0 when it wants all that there is."""

    after: int | None = None
    tail: int = 0

    @classmethod
    def asked(cls, after: str, tail: str) -> Self:
        """What a client asked for. Raises: Invalid."""
        found = _number("after", after, MAX_SEQ) if after else None
        return cls(found, _number("tail", tail, MAX_TAIL) if tail else 0)

    @classmethod
    def in_query(cls, query_string: bytes) -> Self:
        """The same from `?after=` and `?tail=`. Raises: Invalid."""
        values = parse_qs(query_string.decode("ascii", "replace"), keep_blank_values=True)
        return cls.asked(*(values.get(name, [""])[-1] for name in ("after", "tail")))

    def wants_page(self, last_seq: int) -> bool:
        """Whether the reader begins anew: it has nothing, or misses more than it wants, or the log is another one."""
        return bool(self.tail) and (self.after is None or not 0 <= last_seq - self.after <= self.tail)


def _number(field: str, text: str, most: int) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 20 and int(text) <= most):
        raise Invalid.field(field, "This is not a number of the log.")
    return int(text)

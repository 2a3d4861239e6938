"""A text that people read, as the sources have it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

BRACES = re.compile(r"\{\w+\}")
PERCENTS = re.compile(r"%\(\w+\)[sd]|%[sd]")


@dataclass(frozen=True)
class Text:
    one: str
    many: str = ""
    places: tuple[str, ...] = ()

    @classmethod
    def of(cls, forms: Iterable[str]) -> Text:
        """From its singular and, where there is one, its plural."""
        one, many, *_ = [*forms, ""]
        return cls(one, many)

    @property
    def place(self) -> str:
        return self.places[0] if self.places else ""

    def at(self, place: str) -> Text:
        return replace(self, places=(place,))

    def merged(self, other: Text) -> Text:
        """The same text from another place; a plural form that only one of them has is kept."""
        places = dict.fromkeys([*self.places, *other.places])
        return replace(self, many=self.many or other.many, places=tuple(places))


def placeholders(text: str) -> list[str]:
    """The values that are filled in, in no order: languages differ in it."""
    return sorted([*BRACES.findall(text), *PERCENTS.findall(text)])

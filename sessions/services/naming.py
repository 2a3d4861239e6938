"""Names of sessions and of their branches. Names are for showing only."""

from __future__ import annotations

import re
import unicodedata

from accounts.errors import Invalid
from accounts.names import UNSAFE, one_line

MAX_NAME = 100
MAX_SLUG = 60
SHORT_NAME = 50  # of a name that nobody chose
PREFIX = "slipway/"
_SAID = re.compile(r".{19,}[.,:;!?](?= )")  # to the last mark after which something else is said


def clean_name(name: str) -> str:
    """The name as it is kept.

    Raises: Invalid (empty, longer than 100 characters, or with control characters).
    """
    name = name.strip()
    if not name:
        raise Invalid.field("name", "Give the session a name.")
    if len(name) > MAX_NAME:
        raise Invalid.field("name", f"A name has at most {MAX_NAME} characters.")
    if UNSAFE.search(name):
        raise Invalid.field("name", "A name cannot have control characters.")
    return name


def names_for(name: str, count: int) -> list[str]:
    """`feature` once, or `feature-1` to `feature-3`. Raises: Invalid."""
    if not 1 <= count <= 10:
        raise Invalid.field("count", "Between 1 and 10 sessions can be started at once.")
    name = clean_name(name)
    return [name] if count == 1 else [clean_name(f"{name}-{number}") for number in range(1, count + 1)]


def name_from(prompt: str) -> str:
    """What a session may be called that was given no name: its prompt up to the end of a phrase or a word."""
    first = next((line for line in prompt.splitlines() if one_line(line)), "")
    text = one_line(first).strip("#*`>-_ ")
    if len(text) > SHORT_NAME:
        begun = text[: SHORT_NAME + 1]
        said = _SAID.match(begun)
        text = said[0] if said else begun.rpartition(" ")[0] or text[:SHORT_NAME]
    return text.strip(" ,.:;!?") or "New session"


def free_names(names: list[str], taken: set[str]) -> list[str]:
    """The same names, each with a number where somebody has it already."""
    found: list[str] = []
    for name in names:
        candidate, number = name, 1
        while candidate in taken or candidate in found:
            number += 1
            candidate = f"{name} {number}"
        found.append(candidate)
    return found


def branch_for(name: str, taken: set[str]) -> str:
    """A branch that nobody has: `slipway/<slug>`, with a number when that is taken."""
    ascii_name = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    slug = re.sub(r"[^a-z0-9]+", "-", ascii_name).strip("-")[:MAX_SLUG].strip("-") or "session"
    candidate, number = f"{PREFIX}{slug}", 1
    while candidate in taken:
        number += 1
        candidate = f"{PREFIX}{slug}-{number}"
    return candidate

"""Names of sessions and of their branches. Names are for showing only."""

from __future__ import annotations

import re
import unicodedata

from accounts.errors import Invalid
from accounts.names import UNSAFE

MAX_NAME = 100
MAX_SLUG = 60
PREFIX = "slipway/"


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


def branch_for(name: str, taken: set[str]) -> str:
    """A branch that nobody has: `slipway/<slug>`, with a number when that is taken."""
    ascii_name = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    slug = re.sub(r"[^a-z0-9]+", "-", ascii_name).strip("-")[:MAX_SLUG].strip("-") or "session"
    candidate, number = f"{PREFIX}{slug}", 1
    while candidate in taken:
        number += 1
        candidate = f"{PREFIX}{slug}-{number}"
    return candidate

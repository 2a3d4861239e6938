"""What an API token looks like: `slp_<8 to find it by>_<43 that are secret>`. Pure."""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass, field

ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
PATTERN = re.compile(r"(slp_[A-Za-z0-9]{8})_[A-Za-z0-9]{43}")


@dataclass(frozen=True)
class Secret:
    """A token in the clear, with what is stored of it."""

    text: str = field(repr=False)

    @property
    def prefix(self) -> str:
        return self.text.rpartition("_")[0]

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.text.encode()).hexdigest()


def new() -> Secret:
    """A fresh token: 43 letters and digits, more than 256 bits."""
    return Secret(f"slp_{_random(8)}_{_random(43)}")


def parse(text: str) -> Secret | None:
    """The token in `text`, or None when it has not the form of one."""
    return Secret(text) if PATTERN.fullmatch(text) else None


def _random(length: int) -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(length))

"""Named places where tests let the process die, stall or fail: `SLIPWAY_FAILPOINTS="turn.delivered=kill;log.commit=sleep:5"`.

Nothing of it acts unless the variable is set, and the server refuses to start with it outside DEBUG.
"""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable

VARIABLE = "SLIPWAY_FAILPOINTS"


class InjectedFault(OSError):
    """What a fail point with `error` raises."""


def failpoint(name: str) -> None:
    """Do what the environment says for this place; nothing, as a rule.

    A rule is `name=action[@hit][%chance]`: `kill` (SIGKILL to ourselves), `sleep:SECONDS`, `error`; at the given hit only
    (the first is 1), or with the given probability at each hit.
    """
    if (rule := _rules.get(name)) is not None:
        rule()


def _parse(text: str) -> dict[str, Callable[[], None]]:
    """Raises: ValueError (no such action)."""
    rules = (part.strip().partition("=") for part in text.split(";") if part.strip())
    return {name.strip(): _rule(name.strip(), value.strip()) for name, _, value in rules}


def _rule(name: str, value: str) -> Callable[[], None]:
    value, _, chance = value.partition("%")
    value, _, at = value.partition("@")
    kind, _, argument = value.partition(":")
    action = _ACTIONS.get(kind)
    if action is None:
        raise ValueError(f"{VARIABLE}: {name} asks for {kind!r}; known are {', '.join(_ACTIONS)}")
    wanted, probability, hits = int(at or 0), float(chance or 1), 0

    def act() -> None:
        nonlocal hits
        hits += 1
        if wanted in (0, hits) and random.random() < probability:
            action(name, argument)

    return act


def _kill(name: str, argument: str) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _sleep(name: str, argument: str) -> None:
    time.sleep(float(argument))


def _error(name: str, argument: str) -> None:
    raise InjectedFault(f"injected at {name}")


_ACTIONS: dict[str, Callable[[str, str], None]] = {"kill": _kill, "sleep": _sleep, "error": _error}
_rules = _parse(os.environ.get(VARIABLE, ""))

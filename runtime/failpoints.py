"""Named places where tests let the process die, stall or fail: `SLIPWAY_FAILPOINTS="turn.claimed=kill;a.b=sleep:5"`.

Nothing of it acts unless the variable is set, and the server refuses to start with it outside DEBUG.
"""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path

VARIABLE = "SLIPWAY_FAILPOINTS"
FILE = "file:"


class InjectedFault(OSError):
    """What a fail point with `error` raises."""


def failpoint(name: str) -> None:
    """Do what the environment says for this place; nothing, as a rule.

    A rule is `name=action[@hit][%chance]`: `kill` (SIGKILL to ourselves), `sleep:SECONDS`, `error`; at the given hit
    only (the first is 1), or with the given probability at each hit. With `SLIPWAY_FAILPOINTS=file:PATH` the rules are
    in a file, which a test may write while we run.
    """
    if _file is not None:
        _file.passed(name)
    elif (rule := _rules.get(name)) is not None:
        rule()


def is_set() -> bool:
    """Whether any fail point may act in this process."""
    return bool(os.environ.get(VARIABLE))


def _parse(text: str) -> dict[str, Callable[[], None]]:
    """Raises: ValueError (no such action)."""
    rules = (part.strip().partition("=") for part in text.split(";") if part.strip())
    return {name.strip(): _rule(name.strip(), value.strip()) for name, _, value in rules}


def _rule(name: str, value: str, before: Callable[[], bool] = lambda: True) -> Callable[[], None]:
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
        if wanted in (0, hits) and random.random() < probability and before():
            action(name, argument)

    return act


def _kill(name: str, argument: str) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _sleep(name: str, argument: str) -> None:
    time.sleep(float(argument))


def _error(name: str, argument: str) -> None:
    raise InjectedFault(f"injected at {name}")


_ACTIONS: dict[str, Callable[[str, str], None]] = {"kill": _kill, "sleep": _sleep, "error": _error}


class _File:
    """Rules that a test writes while servers run. One acts once, in whichever process comes first; each place that is
    passed is noted in a second file."""

    def __init__(self, path: Path) -> None:
        self._path, self._passed = path, path.with_name(path.name + ".passed")
        self._stamp: tuple[int, int] | None = None
        self._rules: dict[str, Callable[[], None]] = {}

    def passed(self, name: str) -> None:
        with self._passed.open("a") as file:
            file.write(f"{name}\n")
        self._read()
        if (rule := self._rules.get(name)) is not None:
            rule()

    def _read(self) -> None:
        """The rules as they are now; how often each was met is counted from when they were written."""
        try:
            found = self._path.stat()
            stamp = (found.st_mtime_ns, found.st_ino)
            if stamp != self._stamp:
                parts = (part.strip().partition("=") for part in self._path.read_text().split(";") if part.strip())
                self._rules = {name: _rule(name, value, self._is_ours) for name, _, value in parts}
                self._stamp = stamp
        except FileNotFoundError:
            self._rules, self._stamp = {}, None

    def _is_ours(self) -> bool:
        """Only one process can take the rules away."""
        try:
            self._path.unlink()
        except FileNotFoundError:
            return False
        return True


_setting = os.environ.get(VARIABLE, "")
_file = _File(Path(_setting.removeprefix(FILE))) if _setting.startswith(FILE) else None
_rules = {} if _file else _parse(_setting)

"""One check, and the line that a report has for it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from sandbox.base import Sandbox


class CheckFailed(Exception):
    """The place does not do what it should; the message says what was seen instead."""


@dataclass(frozen=True)
class Check:
    """One thing to try.

    `title` says what is the case when it passes, `advice` what to do when it does not; `needs` names capabilities of
    the sandbox without which it is not tried. `timeout_s` is the longest that it may take. A sentence that `run` gives
    says what is the case instead.
    """

    name: str
    title: str
    advice: str
    run: Callable[[Sandbox], Awaitable[str | None]]
    is_quick: bool = True
    needs: tuple[str, ...] = ()
    timeout_s: float = 30.0


class LineStatus(StrEnum):
    """How one line of a report stands."""

    WAITING = "WAITING"
    RUNNING = "RUNNING"
    PASSED = "PASSED"
    FAILED = "FAILED"
    SKIPPED = "SKIPPED"


@dataclass(frozen=True)
class Line:
    """One line of a report: what was tried, how it went, how long it took, and what to do."""

    name: str
    title: str
    status: LineStatus = LineStatus.WAITING
    duration_ms: int | None = None
    problem: str = ""
    advice: str = ""

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "status": str(self.status)}

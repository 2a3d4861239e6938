"""Trying a place out: a sandbox is made, checked line by line, and removed, whatever happens meanwhile."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import TypeVar

from sandbox.base import Phase, Sandbox
from sandbox.checks import quick, thorough
from sandbox.checks.base import Check, CheckFailed, Line, LineStatus
from sandbox.errors import BackendUnavailable, SandboxError

CHECKS: tuple[Check, ...] = (*quick.CHECKS, *thorough.CHECKS)

OPEN = Line("open", "A sandbox starts and answers.")
REMOVE = Line("remove", "The sandbox is removed without a trace.")
OPEN_S, REMOVE_S = 180.0, 60.0
AT_OPENING = "See docs/environments.md for what this kind of environment needs."

T = TypeVar("T")
Report = Callable[[Sequence[Line]], Awaitable[None]]


def checks_for(*, is_quick: bool) -> tuple[Check, ...]:
    """The quick ones, or all."""
    return tuple(check for check in CHECKS if check.is_quick or not is_quick)


async def examine(
    open_it: Callable[[], Awaitable[Sandbox]],
    report: Report,
    *,
    is_quick: bool = True,
    checks: Sequence[Check] | None = None,
) -> list[Line]:
    """Make a sandbox, try everything on it, and remove it; also when this is cancelled.

    Args:
        open_it: makes the sandbox; may raise SandboxError or OSError.
        report: is given all lines whenever one of them has changed.
    Returns: the lines, each PASSED, FAILED or SKIPPED.
    """
    chosen = checks_for(is_quick=is_quick) if checks is None else tuple(checks)
    sheet = _Sheet([OPEN, *(Line(one.name, one.title) for one in chosen), REMOVE], report)
    sandbox = await sheet.attempt(OPEN.name, open_it, OPEN_S, AT_OPENING)
    if sandbox is None:
        await sheet.skip_the_rest()
        return sheet.lines
    try:
        for check in chosen:
            await _try(sheet, check, sandbox)
    except BaseException:
        await asyncio.shield(_removed(sandbox))
        raise
    await sheet.attempt(REMOVE.name, lambda: _removed(sandbox), REMOVE_S, "Look for it by hand and remove it.")
    return sheet.lines


async def _try(sheet: _Sheet, check: Check, sandbox: Sandbox) -> None:
    if all(getattr(sandbox.capabilities, f"can_{need}") for need in check.needs):
        await sheet.attempt(check.name, lambda: check.run(sandbox), check.timeout_s, check.advice)
    else:
        await sheet.mark(check.name, status=LineStatus.SKIPPED)


async def _removed(sandbox: Sandbox) -> None:
    await sandbox.destroy()
    if (phase := await sandbox.poll()) != Phase.GONE:
        raise CheckFailed(f"After its removal it is still {phase.lower()}.")


class _Sheet:
    """The report as it fills."""

    def __init__(self, lines: list[Line], report: Report) -> None:
        self.lines, self._report = lines, report

    async def mark(self, name: str, **changes: object) -> None:
        self.lines = [replace(one, **changes) if one.name == name else one for one in self.lines]  # type: ignore[arg-type]
        await self._report(self.lines)

    async def skip_the_rest(self) -> None:
        for one in self.lines:
            if one.status == LineStatus.WAITING:
                await self.mark(one.name, status=LineStatus.SKIPPED)

    async def attempt(self, name: str, act: Callable[[], Awaitable[T]], timeout_s: float, advice: str) -> T | None:
        """What the act gives, a sentence of it in place of the title; None when it failed, which its line then says."""
        await self.mark(name, status=LineStatus.RUNNING)
        began = time.monotonic()
        try:
            async with asyncio.timeout(timeout_s):
                found = await act()
        except (CheckFailed, SandboxError, OSError, TimeoutError) as error:
            await self.mark(name, status=LineStatus.FAILED, duration_ms=_ms(began), **_told(error, timeout_s, advice))
            return None
        title = {"title": found} if isinstance(found, str) else {}
        await self.mark(name, status=LineStatus.PASSED, duration_ms=_ms(began), **title)
        return found


def _ms(began: float) -> int:
    return round((time.monotonic() - began) * 1000)


def _told(error: Exception, timeout_s: float, advice: str) -> dict[str, str]:
    """What was seen, and what to do about it."""
    if isinstance(error, TimeoutError) and not str(error):
        return {"problem": f"It was not done within {timeout_s:.0f} seconds.", "advice": advice}
    if isinstance(error, BackendUnavailable):
        return {"problem": error.problem[:1000], "advice": error.hint}
    if isinstance(error, SandboxError):
        return {"problem": error.message[:1000], "advice": advice}
    return {"problem": (str(error) or type(error).__name__)[:1000], "advice": advice}

"""Git's progress lines as a step and one percentage for the whole import."""

from __future__ import annotations

import re

from django.utils.translation import gettext_noop

# Each step's share of the whole: where it begins and where it ends.
_STEPS = {
    gettext_noop("Enumerating objects"): (0, 2),
    gettext_noop("Counting objects"): (0, 2),
    gettext_noop("Compressing objects"): (2, 5),
    gettext_noop("Receiving objects"): (5, 75),
    gettext_noop("Indexing objects"): (5, 75),
    gettext_noop("Resolving deltas"): (75, 90),
    gettext_noop("Checking objects"): (90, 95),
    gettext_noop("Checking connectivity"): (95, 97),
}
_LINE = re.compile(r"(?:remote: )?(" + "|".join(_STEPS) + r"):\s+(\d{1,3})% ")
_CONTROL = re.compile(r"\x1b\[[0-9;]*[A-Za-z]|[\x00-\x08\x0a-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
LOG_CHARS = 8000


def parse(line: str) -> tuple[str, int] | None:
    """Step and overall percentage, or None for a line that tells of no progress."""
    match = _LINE.match(line)
    if match is None:
        return None
    begin, end = _STEPS[match[1]]
    return match[1], begin + (end - begin) * min(int(match[2]), 100) // 100


def clean(line: str) -> str:
    """A line that a foreign server may have written, without control characters, cut to a sane length."""
    return _CONTROL.sub("", line).strip()[:300]


def append(log: str, line: str) -> str:
    """The log with one more line; a line of the same step replaces the one before, and the oldest are dropped."""
    lines = log.split("\n") if log else []
    step = _step(line)
    if lines and step is not None and _step(lines[-1]) == step:
        lines.pop()
    return "\n".join([*lines, line])[-LOG_CHARS:]


def _step(line: str) -> str | None:
    match = _LINE.match(line)
    return match[1] if match else None

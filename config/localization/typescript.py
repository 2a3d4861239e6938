"""Texts in TypeScript: the literals in calls of `gettext` and `ngettext`, and what should have been in one."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from config.localization.text import Text

STRING = r'"((?:[^"\\\n]|\\.)*)"'
CALL = re.compile(rf"(?<![\w.])(?:gettext\(\s*{STRING}|ngettext\(\s*{STRING},\s*{STRING})")
ANY_CALL = re.compile(r"(?<![\w.])n?gettext\(\s*(?!message\b|one\b)")


def marked(source: str) -> Iterator[Text]:
    for found in CALL.finditer(source):
        yield Text.of(str(json.loads(f'"{group}"')) for group in found.groups() if group)


def unreadable(source: str) -> list[str]:
    """Calls whose text is not one literal in double quotes, which nobody could collect."""
    lines = source.splitlines()
    starts = {found.start() for found in CALL.finditer(source)}
    return [
        lines[source.count("\n", 0, call.start())].strip()
        for call in ANY_CALL.finditer(source)
        if call.start() not in starts and not source[: call.start()].endswith("function ")
    ]

"""What a browser calls itself, as a person would say it. Pure; the text is a stranger's, and only looked through."""

from __future__ import annotations

import re
from typing import NamedTuple

# The first that is found: what came later names its forerunners too.
_PROGRAMS = [
    (re.compile(r"Edg(?:e|A|iOS)?/"), "Edge"),
    (re.compile(r"OPR/|Opera"), "Opera"),
    (re.compile(r"SamsungBrowser/"), "Samsung Internet"),
    (re.compile(r"Firefox/|FxiOS/"), "Firefox"),
    (re.compile(r"Chrome/|CriOS/|Chromium/"), "Chrome"),
    (re.compile(r"Version/[\d.]+.*Safari/"), "Safari"),
]
_SYSTEMS = [
    (re.compile(r"iPhone"), "iPhone"),
    (re.compile(r"iPad"), "iPad"),
    (re.compile(r"Android"), "Android"),
    (re.compile(r"CrOS"), "ChromeOS"),
    (re.compile(r"Windows"), "Windows"),
    (re.compile(r"Mac OS X|Macintosh"), "macOS"),
    (re.compile(r"Linux|X11"), "Linux"),
]


class Browser(NamedTuple):
    """Empty where nothing is known."""

    program: str
    system: str


def recognize(user_agent: str) -> Browser:
    return Browser(_first(_PROGRAMS, user_agent), _first(_SYSTEMS, user_agent))


def _first(known: list[tuple[re.Pattern[str], str]], text: str) -> str:
    return next((name for pattern, name in known if pattern.search(text)), "")

"""What can be measured of a page as it is shown: what sticks out sideways, and what is too small for a finger."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from playwright.sync_api import Page

SOURCE = Path(__file__).with_suffix(".js").read_text().strip()
FINGER_PX = 44
MOST = 6  # of a kind that are told of one page


def sideways(page: Page) -> list[str]:
    """What makes the page scroll sideways or the frame longer than the window, or is cut off at its right edge."""
    return _few(_ask(page, "sideways()"))


def hidden_px(page: Page) -> int:
    """How much of a page that scrolls by itself lies below the window's edge."""
    return int(_ask(page, "hidden()"))


def small_targets(page: Page) -> list[str]:
    """Controls in view that a finger would miss, one of each class."""
    return _few(_ask(page, f"smallTargets({FINGER_PX})"))


def unseen_focus(page: Page) -> str:
    """What has the focus, when nothing shows that it has; else nothing."""
    at: dict[str, Any] | None = _ask(page, "focus()")
    return "" if at is None or at["isShown"] else f"the focus is not seen on {at['name']}"


def _ask(page: Page, what: str) -> Any:
    """It is handed over by the debugger, past the policy."""
    return page.evaluate(f"{SOURCE}.{what}")


def _few(found: list[str]) -> list[str]:
    rest = len(found) - MOST
    return found[:MOST] + ([f"and {rest} more"] if rest > 0 else [])

"""Pages as they are seen: at a desk and on a phone, in light and in dark; axe-core tells what is wrong with them."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any

from playwright.sync_api import Error, Page

from config.env import BASE_DIR
from tests.gallery import measures
from tests.journeys.browsing import SIZES, Visitor, Watch, go
from tests.journeys.patience import patiently

AXE = BASE_DIR / "frontend" / "node_modules" / "axe-core" / "axe.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
# Between two themes Django's own pages fade, which would be looked at half way.
RUN = """async ([within, tags]) => {
    for (const one of document.getAnimations()) if (one instanceof CSSTransition) one.finish();
    return (await axe.run(within, { runOnly: { type: "tag", values: tags }, resultTypes: ["violations"] })).violations;
}"""
PHONE_WIDTH = SIZES["phone"][0]


@functools.cache
def axe() -> str:
    return AXE.read_text()


def is_phone(page: Page) -> bool:
    return page.viewport_size is not None and page.viewport_size["width"] <= PHONE_WIDTH


def violations(page: Page, state: str, within: str = "html") -> list[str]:
    """What axe-core finds wrong in either theme; a page that is loaded again meanwhile is looked at again."""
    return patiently(lambda: _violations(page, state, within), Error)


def _violations(page: Page, state: str, within: str) -> list[str]:
    """It is injected past the policy, by the debugger."""
    size, found = "phone" if is_phone(page) else "desktop", []
    if not page.evaluate("'axe' in window"):
        page.evaluate(axe())
    for theme in ("light", "dark"):
        page.emulate_media(color_scheme="dark" if theme == "dark" else "light", reduced_motion="reduce")
        wrong: list[dict[str, Any]] = page.evaluate(RUN, [within, RULES])
        found += [
            f"{state}, {theme}, {size}: {one['id']}: {[node['html'][:160] for node in one['nodes'][:3]]} at {page.url}"
            for one in wrong
        ]
    return found


class Screens:
    """One person with a desk and a phone; what is wrong with what they saw is told at the end, all at once."""

    def __init__(self, alice: Visitor) -> None:
        self.alice, self.phone = alice, alice.device("phone")
        self.watches = [alice.watch, Watch(self.phone, alice.server.url)]
        self.wrong: list[str] = []

    def open(self, path: str) -> list[Page]:
        """The page at the desk, and on the phone."""
        pages = [self.alice.context.new_page(), self.phone.new_page()]
        for _ in self.turn(pages, path):
            pass
        return pages

    def turn(self, pages: list[Page], path: str) -> Iterator[Page]:
        """The same pages on another path, one after the other: a new page costs more than what it shows."""
        for page in pages:
            go(page, self.alice.server.url + path)
            yield page

    def look(self, page: Page, state: str, within: str = "html") -> None:
        """What axe-core finds, what sticks out, and on the phone what a finger would miss."""
        self.wrong += violations(page, state, within)
        if within == "html":
            found = measures.sideways(page) + (measures.small_targets(page) if is_phone(page) else [])
            self.wrong += [f"{state}: {one}" for one in found]

    def forgive(self, *parts: str) -> None:
        for watch in self.watches:
            watch.forgive(*parts)

    def close(self) -> None:
        """Raises: AssertionError (something was wrong: which state, which theme, which size)."""
        self.phone.close()
        assert not self.wrong, "\n".join(self.wrong)
        assert self.watches[1].wrong == []

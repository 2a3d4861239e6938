"""The whole walk without a mouse: from sign-up over a turn with a permission and its changes to signing out."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.gallery import measures
from tests.journeys.browsing import TURN_MS, as_newcomer, go
from tests.journeys.conftest import Shoot, Stranger
from tests.journeys.person import PASSWORD
from tests.journeys.server import Server
from tests.journeys.test_browser_accessibility import focused

pytestmark = [
    pytest.mark.browser,
    pytest.mark.cli,
    pytest.mark.timeout(240),
    pytest.mark.undisturbed("goes through pages by the keyboard, which begin anew when they are loaded again"),
]

MOST_TABS = 60
LONGEST_NAME = 100  # what says more is no control, but the page
NO_MOUSE = """for (const kind of ["mousedown", "pointerdown", "touchstart"])
    addEventListener(kind, () => { throw new Error("a mouse was used"); }, true);"""


def reach(page: Page, name: str, key: str = "Tab") -> None:
    """Press Tab until the focus is on what is called so; whatever has it on the way must show it."""
    seen = []
    for _ in range(MOST_TABS):
        seen.append(focused(page))
        if len(seen[-1]) < LONGEST_NAME and re.search(name, seen[-1], re.I):
            return
        page.keyboard.press(key)
        assert not measures.unseen_focus(page)
    raise AssertionError(f"{name} was not reached: {seen}")


class TestTheWholeWalk:
    def test_needs_no_mouse(self, stranger: Stranger, server: Server, shoot: Shoot) -> None:
        page = stranger()
        page.context.add_init_script(NO_MOUSE)

        as_newcomer(page, "keyboard@example.com", lambda email: self.sign_up(page, server.url, email))
        self.begin(page)
        self.allow_until_done(page)
        self.look_at_the_changes(page)
        shoot(page, "keyboard-changes")
        self.change_a_setting(page)
        self.sign_out(page)

    @staticmethod
    def sign_up(page: Page, url: str, email: str) -> None:
        go(page, f"{url}/accounts/signup/")
        reach(page, "e-?mail")
        page.keyboard.type(email)
        reach(page, "^password")
        page.keyboard.type(PASSWORD)
        page.keyboard.press("Enter")
        code = page.locator("#debug-code").inner_text()
        reach(page, "code")
        page.keyboard.type(code)
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", name="Let an agent build something")).to_be_visible()

    @staticmethod
    def begin(page: Page) -> None:
        """A project and a session by the first screen's own action."""
        reach(page, "try it now")
        page.keyboard.press("Enter")
        page.wait_for_url(re.compile("/sessions/"), timeout=TURN_MS)

    @staticmethod
    def allow_until_done(page: Page) -> None:
        card, ended = page.locator("section.permission"), page.locator(".turn-footer")
        while True:
            expect(card.or_(ended).first).to_be_visible(timeout=TURN_MS)
            if not card.is_visible():
                return
            asked = card.inner_text()
            reach(page, "allow")
            page.keyboard.press("Enter")
            page.wait_for_function(
                "asked => ![...document.querySelectorAll('section.permission')].some(one => one.innerText === asked)",
                arg=asked,
            )

    @staticmethod
    def look_at_the_changes(page: Page) -> None:
        changes = page.get_by_role("region", name="Changes")
        expect(changes.get_by_text("changed").first).to_be_visible(timeout=TURN_MS)
        fold = changes.locator("summary").first
        for _ in range(MOST_TABS):
            if fold.evaluate("one => one === document.activeElement"):
                break
            page.keyboard.press("Shift+Tab")
        before = fold.evaluate("one => one.parentElement.open")
        page.keyboard.press("Enter")
        expect(fold).to_be_focused()
        assert fold.evaluate("one => one.parentElement.open") != before

    @staticmethod
    def change_a_setting(page: Page) -> None:
        page.keyboard.press("Control+k")
        expect(page.get_by_role("dialog")).to_be_visible()
        page.keyboard.type("appearance")
        expect(page.get_by_role("option", name=re.compile("appearance", re.I)).first).to_be_visible()
        page.keyboard.press("Enter")
        page.wait_for_url("**/settings/appearance/**")
        reach(page, "system|light|dark")
        page.keyboard.press("ArrowRight")
        expect(page.locator("[data-theme], html")).not_to_have_count(0)

    @staticmethod
    def sign_out(page: Page) -> None:
        page.keyboard.press("Control+k")
        expect(page.get_by_role("dialog")).to_be_visible()
        page.keyboard.type("sign out")
        expect(page.get_by_role("option", name=re.compile("sign out", re.I)).first).to_be_visible()
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", name=re.compile("sign in|signed out", re.I))).to_be_visible()

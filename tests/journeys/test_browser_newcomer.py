"""Someone who has never seen it types as people type, and presses on each screen what stands out, nothing else."""

from __future__ import annotations

import re
import time

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.journeys.browsing import TURN_MS, as_newcomer, go
from tests.journeys.conftest import Shoot, Stranger
from tests.journeys.person import PASSWORD
from tests.journeys.server import Server

pytestmark = [
    pytest.mark.browser,
    pytest.mark.cli,
    pytest.mark.timeout(240),
    pytest.mark.undisturbed("is timed as somebody is who has to wait for nothing"),
]

KEY_MS = 110  # between two letters: fifty words a minute
READ_S = 1.2  # until somebody has found the one button


def primary(page: Page) -> Locator:
    """What stands out among all that can be pressed; that of a dialog or card comes before that of the page."""
    seen = page.locator(".button.primary:visible")
    expect(seen.first).to_be_visible(timeout=TURN_MS)
    return seen


def press_what_stands_out(page: Page, *wanted: str) -> str:
    """Press the primary action of the screen, of which there must be just one, and which must be named like that."""
    time.sleep(READ_S)
    seen = primary(page)
    names = [name.strip() for name in seen.all_inner_texts()]
    assert len(names) == 1, f"more than one thing stands out: {names}"
    assert names[0].startswith(wanted), f"{names[0]!r} stands out, not {wanted}"
    seen.click()
    return names[0]


def type_slowly(field: Locator, text: str) -> None:
    field.click()
    field.press_sequentially(text, delay=KEY_MS)


class TestANewcomersFirstTurn:
    def test_needs_no_documentation(self, stranger: Stranger, server: Server, shoot: Shoot) -> None:
        page = stranger()
        began = time.monotonic()
        as_newcomer(page, "typist@example.com", lambda email: self.sign_up(page, server.url, email))
        signed_up = time.monotonic()

        press_what_stands_out(page, "Try it now")
        page.wait_for_url(re.compile("/sessions/"), timeout=TURN_MS)
        allowed = self.allow_until_done(page)
        done = time.monotonic()
        shoot(page, "newcomer")

        told = f"{signed_up - began:.0f} s to sign up, {done - signed_up:.0f} s to the end of the first turn"
        print(f"\na newcomer: {told}")  # noqa: T201
        assert allowed
        expect(page.locator(".turn-footer")).to_be_attached()

    @staticmethod
    def sign_up(page: Page, url: str, email: str) -> None:
        go(page, url)
        page.get_by_role("link", name=re.compile("create an account", re.I)).first.click()
        type_slowly(page.get_by_label(re.compile("e-?mail", re.I)), email)
        type_slowly(page.locator("input[type=password]"), PASSWORD)
        press_what_stands_out(page, "Create account")
        code = page.locator("#debug-code").inner_text()
        type_slowly(page.get_by_label(re.compile("code", re.I)).first, code)
        press_what_stands_out(page, "Confirm")
        expect(page.get_by_role("heading", name="Let an agent build something")).to_be_visible()

    @staticmethod
    def allow_until_done(page: Page) -> int:
        """Say yes to whatever the agent asks for until its turn is over."""
        allowed = 0
        card = page.locator("section.permission")
        ended = page.locator(".turn-footer")
        while True:
            expect(card.or_(ended).first).to_be_visible(timeout=TURN_MS)
            if not card.is_visible():
                return allowed
            time.sleep(READ_S)
            asked = card.inner_text()
            stands_out = card.locator(".button.primary:visible")
            assert stands_out.all_inner_texts()[0].startswith("Allow"), stands_out.all_inner_texts()
            stands_out.first.click()
            allowed += 1
            page.wait_for_function(
                "asked => ![...document.querySelectorAll('section.permission')].some(one => one.innerText === asked)",
                arg=asked,
            )

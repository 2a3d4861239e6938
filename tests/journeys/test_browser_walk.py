"""The whole walk in a real browser: sign-up, a project from a URL, a session with the real CLI, the diff."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.journeys.browsing import TURN_MS as ONE_TURN_MS
from tests.journeys.browsing import as_newcomer, go
from tests.journeys.conftest import Shoot, Stranger
from tests.journeys.person import PASSWORD
from tests.journeys.server import Server
from tests.projects.serving import GitServer

pytestmark = [pytest.mark.browser, pytest.mark.cli, pytest.mark.timeout(180)]

TURN_MS = 2 * ONE_TURN_MS


class TestTheWalk:
    @pytest.mark.parametrize("size", ["desktop", "phone"])
    def test_goes_from_sign_up_to_the_diff_and_out(
        self, size: str, stranger: Stranger, server: Server, repository: GitServer, shoot: Shoot
    ) -> None:
        page, is_phone = stranger(size), size == "phone"

        as_newcomer(page, f"walker-{size}@example.com", lambda email: self.sign_up(page, server.url, email))
        shoot(page, "1-first-run")
        self.make_project(page, repository.url("demo.git"))
        shoot(page, "2-project")
        self.start_session(page, "Write a small fizzbuzz program and test it")
        shoot(page, "3-session")
        self.allow_until_done(page, shoot)
        shoot(page, "5-done")
        self.see_the_diff(page, is_phone)
        shoot(page, "6-diff")
        self.reload_shows_the_same(page, is_phone)
        self.sign_out(page, server.url)

    @staticmethod
    def sign_up(page: Page, url: str, email: str) -> None:
        go(page, url)
        page.get_by_role("link", name=re.compile("sign up|create", re.I)).first.click()
        page.get_by_label(re.compile("e-?mail", re.I)).fill(email)
        page.locator("input[type=password]").fill(PASSWORD)
        page.locator("form button[type=submit], form button.primary").first.click()
        code = page.locator("#debug-code").inner_text()
        page.get_by_label(re.compile("code", re.I)).first.fill(code)
        page.get_by_role("button", name="Confirm").click()
        expect(page.get_by_role("heading", name="Let an agent build something")).to_be_visible()

    @staticmethod
    def make_project(page: Page, address: str) -> None:
        page.get_by_role("button", name="Import a repository").click()
        page.get_by_label("Repository URL").fill(address)
        page.get_by_role("button", name="Create project").click()
        card = page.locator("section.card")
        expect(card.get_by_role("button", name="New session")).to_be_visible(timeout=30_000)
        expect(page.locator("slw-new-session dialog")).to_be_attached()  # the new page's script has begun

    @staticmethod
    def start_session(page: Page, prompt: str) -> None:
        page.locator("section.card").get_by_role("button", name="New session").click()
        dialog = page.get_by_role("dialog", name="New session")
        dialog.get_by_label("What should the agent do?").fill(prompt)
        dialog.get_by_role("button", name="Start").click()
        page.wait_for_url(re.compile("/sessions/"))
        expect(page.get_by_text("Practice model", exact=True).first).to_be_visible()

    @staticmethod
    def allow_until_done(page: Page, shoot: Shoot) -> None:
        for _ in range(3):  # the program, its test, and the command that runs it
            card = page.get_by_role("region", name="May the agent do this?")
            expect(card).to_be_visible(timeout=TURN_MS)
            asked = card.inner_text()
            shoot(page, "4-permission")
            card.get_by_role("button", name="Allow once").click()
            page.wait_for_function(
                "asked => !([...document.querySelectorAll('.permission')].some(card => card.innerText === asked))",
                arg=asked,
            )
        expect(page.get_by_text("The tests passed").first).to_be_visible(timeout=TURN_MS)

    @staticmethod
    def see_the_diff(page: Page, is_phone: bool) -> None:
        if is_phone:
            page.get_by_role("navigation", name="Panes").get_by_role("button", name="Changes").click()
        changes = page.get_by_role("region", name="Changes")
        expect(changes.get_by_text("2 files changed")).to_be_visible(timeout=30_000)
        expect(changes.get_by_text("fizzbuzz.py", exact=True)).to_be_visible()
        sideways = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert sideways == 0

    def reload_shows_the_same(self, page: Page, is_phone: bool) -> None:
        go(page, page.url)
        expect(page.get_by_text("The tests passed").first).to_be_attached(timeout=20_000)
        self.see_the_diff(page, is_phone)

    @staticmethod
    def sign_out(page: Page, url: str) -> None:
        go(page, f"{url}/accounts/logout/")
        page.get_by_role("button", name=re.compile("sign out", re.I)).first.click()
        expect(page.get_by_role("link", name=re.compile("sign up|create", re.I)).first).to_be_visible()
        go(page, url)
        expect(page).to_have_url(re.compile("/accounts/login/"))

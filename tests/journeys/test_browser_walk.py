"""The whole walk in a real browser: sign-up, a project from a URL, a session with the real CLI, the diff."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Error, Page, Request, ViewportSize, expect, sync_playwright

from tests.journeys.person import PASSWORD
from tests.journeys.server import IS_CHAOS, PATIENCE, PAUSE_S, TRIES, Server, running
from tests.projects.building import Worktree
from tests.projects.serving import GitServer, serve

pytestmark = [pytest.mark.browser, pytest.mark.cli, pytest.mark.timeout(600 if IS_CHAOS else 180)]

CHROMIUM = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync"),
]
TURN_MS = 60_000 * PATIENCE
LOST = re.compile(r"net::ERR_|WebSocket connection to|status of 50[0234]")
SIZES: dict[str, ViewportSize] = {"desktop": {"width": 1440, "height": 900}, "phone": {"width": 390, "height": 844}}


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GitServer]:
    """A bare repository served over http on loopback."""
    root = tmp_path_factory.mktemp("git")
    Worktree.create(root / "work").git("clone", "--quiet", "--bare", ".", str(root / "demo.git"))
    with serve(root) as git_server:
        yield git_server


@pytest.fixture(scope="module")
def walked(repository: GitServer) -> Iterator[Server]:
    with running(SLIPWAY_CLONE_PRIVATE_HOSTS=repository.origin) as started:
        yield started


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=CHROMIUM)
        yield launched
        launched.close()


def go(page: Page, url: str) -> None:
    """Where servers die, people press reload."""
    for _ in range(TRIES - 1):
        with contextlib.suppress(Error):
            answer = page.goto(url)
            if answer is not None and answer.status < 500:
                return
        page.wait_for_timeout(1000 * PAUSE_S)
    page.goto(url)


class Watch:
    """What must not happen while a page is used: a request to another origin, a CSP report, an error in a script."""

    def __init__(self, page: Page, origin: str) -> None:
        self.foreign: list[str] = []
        self.errors: list[str] = []
        self.origin = origin
        page.on("request", self._note_request)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", self._note_console)

    def _note_request(self, request: Request) -> None:
        own = (self.origin, self.origin.replace("http", "ws", 1), "data:", "blob:")
        if not request.url.startswith(own):
            self.foreign.append(request.url)

    def _note_console(self, message: Any) -> None:
        if IS_CHAOS and LOST.search(message.text):
            return
        if message.type == "error" or "Content Security Policy" in message.text:
            self.errors.append(message.text)


@pytest.fixture(params=SIZES)
def page(request: pytest.FixtureRequest, browser: Browser, walked: Server) -> Iterator[Page]:
    is_phone = request.param == "phone"
    context = browser.new_context(viewport=SIZES[request.param], has_touch=is_phone, is_mobile=is_phone)
    opened = context.new_page()
    opened.set_default_timeout(20_000)
    yield opened
    context.close()


@pytest.fixture
def shoot(page: Page, request: pytest.FixtureRequest) -> Callable[[str], None]:
    """`shoot("diff")` keeps a picture of the page when the run asks for pictures."""
    folder = request.config.getoption("--screenshots")

    def take(name: str) -> None:
        if folder:
            width = page.viewport_size["width"] if page.viewport_size else 0
            page.screenshot(path=Path(folder) / f"{name}-{width}.png")

    return take


class TestTheWalk:
    def test_goes_from_sign_up_to_the_diff_and_out(
        self, page: Page, walked: Server, repository: GitServer, shoot: Callable[[str], None]
    ) -> None:
        watch = Watch(page, walked.url)
        is_phone = page.viewport_size == SIZES["phone"]

        self.sign_up(page, walked.url, f"alice-{'phone' if is_phone else 'desktop'}@example.com")
        shoot("1-first-run")
        self.make_project(page, repository.url("demo.git"))
        shoot("2-project")
        self.start_session(page, "Write a small fizzbuzz program and test it")
        shoot("3-session")
        self.allow_until_done(page, shoot)
        shoot("5-done")
        self.see_the_diff(page, is_phone)
        shoot("6-diff")
        self.reload_shows_the_same(page, is_phone)
        self.sign_out(page, walked.url)

        assert (watch.foreign, watch.errors) == ([], [])

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
        expect(page.get_by_role("button", name="New session").last).to_be_visible(timeout=30_000)

    @staticmethod
    def start_session(page: Page, prompt: str) -> None:
        page.locator("section.card").get_by_role("button", name="New session").click()
        dialog = page.get_by_role("dialog", name="New session")
        dialog.get_by_label("Name").fill("feature")
        dialog.get_by_label("What should the agent do?").fill(prompt)
        dialog.get_by_role("button", name="Start").click()
        page.wait_for_url(re.compile("/sessions/"))
        expect(page.get_by_text("Practice model", exact=True).first).to_be_visible()

    @staticmethod
    def allow_until_done(page: Page, shoot: Callable[[str], None]) -> None:
        for _ in range(3):  # the program, its test, and the command that runs it
            card = page.get_by_role("region", name="May the agent do this?")
            expect(card).to_be_visible(timeout=TURN_MS)
            asked = card.inner_text()
            shoot("4-permission")
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
        page.reload()
        expect(page.get_by_text("The tests passed").first).to_be_attached(timeout=20_000)
        self.see_the_diff(page, is_phone)

    @staticmethod
    def sign_out(page: Page, url: str) -> None:
        go(page, f"{url}/accounts/logout/")
        page.get_by_role("button", name=re.compile("sign out", re.I)).first.click()
        expect(page.get_by_role("link", name=re.compile("sign up|create", re.I)).first).to_be_visible()
        go(page, url)
        expect(page).to_have_url(re.compile("/accounts/login/"))

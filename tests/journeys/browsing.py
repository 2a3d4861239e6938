"""What all journeys in a real browser share: Chromium, pages that watch themselves, people who are signed in."""

from __future__ import annotations

import contextlib
import itertools
import json
import re
from collections.abc import Callable, Iterator
from typing import Any

from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Error,
    Page,
    Request,
    Response,
    expect,
    sync_playwright,
)

from tests.journeys import telling
from tests.journeys.curl import wait_for
from tests.journeys.patience import IS_CHAOS, PATIENCE, PAUSE_S, TRIES
from tests.journeys.person import Person
from tests.journeys.server import Server

CHROMIUM = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync"),
]
SIZES = {"desktop": (1440, 900), "phone": (390, 844), "small": (360, 740)}
ATTENTION_MS = 10_000 * PATIENCE
TURN_MS = 30_000 * PATIENCE
LOST = re.compile(r"net::ERR_|WebSocket connection to|status of 50[0234]")  # what a page meets whose server dies
CUT = re.compile(r"net::ERR_(CONNECTION|EMPTY|SOCKET|INCOMPLETE|NETWORK|CONTENT_LENGTH)")
WITHOUT_WHICH_A_PAGE_IS_NONE = ("document", "script", "stylesheet")
_numbers = itertools.count(1)
# The reports of the policy are kept where the test can read them after any number of pages.
_REPORTS = """addEventListener("securitypolicyviolation", (event) =>
    console.error(`Content Security Policy: ${event.violatedDirective} ${event.blockedURI} ${event.sourceFile}`));"""


@contextlib.contextmanager
def chromium() -> Iterator[Browser]:
    expect.set_options(timeout=ATTENTION_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=CHROMIUM)
        yield browser
        browser.close()


def new_context(browser: Browser, size: str = "desktop", theme: str = "light", **more: Any) -> BrowserContext:
    """A browser of its own, with nobody signed in."""
    width, height = SIZES[size]
    is_phone = size != "desktop"
    # What moves is drawn sixty times a second, by the processors that the servers need; at a desk they are spared that.
    more.setdefault("reduced_motion", "no-preference" if is_phone else "reduce")
    context = browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme="dark" if theme == "dark" else "light",
        has_touch=is_phone,
        is_mobile=is_phone,
        **more,
    )
    context.set_default_timeout(ATTENTION_MS)
    telling.listen(context)
    if IS_CHAOS:
        context.on("requestfailed", _press_reload)
    return context


def _press_reload(lost: Request) -> None:
    """Who sees the browser's own page of errors, or half of ours, loads it again."""
    is_missed = lost.resource_type in WITHOUT_WHICH_A_PAGE_IS_NONE and lost.method == "GET"
    if is_missed and CUT.search(lost.failure or "") and lost.frame.parent_frame is None:
        with contextlib.suppress(Error):
            page = lost.frame.page
            page.wait_for_timeout(1000 * PAUSE_S)
            page.goto(lost.url) if lost.is_navigation_request() else page.reload()


def go(page: Page, url: str) -> None:
    """Where servers die, people try again."""
    _until_it_comes(page, lambda: page.goto(url))


def reload(page: Page) -> None:
    _until_it_comes(page, page.reload)


def _until_it_comes(page: Page, load: Callable[[], Response | None]) -> None:
    for _ in range(TRIES - 1):
        with contextlib.suppress(Error):
            answer = load()
            if answer is None or answer.status < 500:
                return
        page.wait_for_timeout(1000 * PAUSE_S)
    load()


def as_newcomer(page: Page, email: str, sign_up: Callable[[str], None]) -> None:
    """Sign up; where servers die it may take another address."""
    for number in range(TRIES):
        try:
            return sign_up(email)
        except (Error, AssertionError):
            if number + 1 == TRIES:
                raise
        email = f"again{number}-{email}"
        page.context.clear_cookies()


class Watch:
    """What must not happen while pages are used: a request to another origin, a CSP report, an error in a script."""

    def __init__(self, context: BrowserContext, origin: str) -> None:
        self._met: list[str] = []
        self._forgiven: tuple[str, ...] = ()
        self.origins = (origin, origin.replace("http", "ws", 1), "data:", "blob:")
        context.add_init_script(_REPORTS)
        context.on("request", self._note_request)
        context.on("weberror", lambda error: self._met.append(str(error.error)))
        context.on("console", self._note_console)

    def _note_request(self, request: Request) -> None:
        if not request.url.startswith(self.origins):
            self._met.append(f"request to {request.url}")

    def _note_console(self, message: ConsoleMessage) -> None:
        if IS_CHAOS and LOST.search(message.text):
            return
        if message.type == "error" or "Content Security Policy" in message.text:
            self._met.append(message.text)

    @property
    def wrong(self) -> list[str]:
        return [text for text in self._met if not any(part in text for part in self._forgiven)]

    def forgive(self, *parts: str) -> None:
        """Answers that the journey provokes are written to the console by the browser itself, sooner or later."""
        self._forgiven += parts


class Visitor:
    """A person with a browser: signed in over HTTP, so that each journey begins where its own part does."""

    def __init__(self, server: Server, browser: Browser, *, size: str = "desktop", theme: str = "light") -> None:
        self.server, self.browser = server, browser
        self.person = Person(server, f"alice-visitor{next(_numbers)}@example.com")
        self.person.sign_up()
        self.context = self.device(size, theme)
        self.watch = Watch(self.context, server.url)

    def device(self, size: str = "desktop", theme: str = "light", **more: Any) -> BrowserContext:
        """One more browser of the same person."""
        context = new_context(self.browser, size, theme, **more)
        for cookie in self.person.jar:
            context.add_cookies([{"name": cookie.name, "value": cookie.value or "", "url": self.server.url}])
        return context

    def open(self, path: str, context: BrowserContext | None = None) -> Page:
        page = (context or self.context).new_page()
        go(page, self.server.url + path)
        return page

    @property
    def organization_id(self) -> str:
        return str(self.person.call("GET", "/api/me")["organizations"][0]["id"])

    def project(self, name: str = "sample", source: str = "SAMPLE") -> dict[str, Any]:
        body = {"organization_id": self.organization_id, "name": name, "source": source}
        return dict(self.person.call("POST", "/api/projects", body))

    def session(self, project: dict[str, Any], prompt: str = "", **more: Any) -> dict[str, Any]:
        body = {"name": "feature", **({"prompt": prompt} if prompt else {}), **more}
        return dict(self.person.call("POST", f"/api/projects/{project['id']}/sessions", body)["items"][0])

    def read(self, session: dict[str, Any]) -> dict[str, Any]:
        return dict(self.person.call("GET", f"/api/sessions/{session['id']}"))

    def wait_until_asked(self, session: dict[str, Any]) -> dict[str, Any]:
        return dict(wait_for(lambda: self.read(session)["pending_permissions"], 60)[0])

    def wait_until_idle(self, session: dict[str, Any]) -> dict[str, Any]:
        def idle() -> dict[str, Any] | None:
            now = self.read(session)
            return now if now["active_job"] is None and now["last_seq"] > 2 else None

        return dict(wait_for(idle, 60))

    def close(self) -> None:
        self.context.close()


def script(*steps: list[dict[str, Any]]) -> str:
    """A prompt that tells the practice model exactly what to answer."""
    return f"<<<{json.dumps(list(steps))}>>>"


def bash(command: str) -> list[dict[str, Any]]:
    return [{"tool": "Bash", "input": {"command": command}}]


def session_path(session: dict[str, Any]) -> str:
    return f"/sessions/{session['id']}/"

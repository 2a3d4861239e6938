"""Every page can be used without a mouse, without good eyes and without motion: axe-core, the keyboard, settings."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.journeys.browsing import TURN_MS, Visitor, bash, go, script, session_path
from tests.journeys.conftest import Stranger, Visit
from tests.journeys.looking import Screens, is_phone

pytestmark = [pytest.mark.browser, pytest.mark.cli, pytest.mark.timeout(180)]

ENTRANCE = ["/accounts/login/", "/accounts/signup/", "/accounts/password/reset/"]
SETTING_NAMES = ["profile", "appearance", "notifications", "keyboard", "organization", "usage", "model-key", "tokens"]
SECTIONS = ["", *(f"{one}/" for one in SETTING_NAMES)]
ACCOUNT = [
    "/accounts/password/change/",
    "/accounts/email/",
    "/accounts/sessions/",
    "/accounts/2fa/",
    "/accounts/logout/",
]
SETTINGS = [*(f"/settings/{section}" for section in SECTIONS), *ACCOUNT]
FREE = {"permission_mode": "bypassPermissions"}


def focused(page: Page) -> str:
    """What the focus is on, in a word."""
    word = page.evaluate(
        """(({ activeElement: at }) =>
            at.getAttribute("aria-label") || at.labels?.[0]?.textContent || at.textContent || at.localName)(document)"""
    )
    return " ".join(str(word).split())


@pytest.fixture
def screens(visit: Visit) -> Iterator[Screens]:
    seen = Screens(visit())
    yield seen
    seen.close()


class TestLooking:
    def test_tells_state_theme_and_size_of_what_is_wrong(self, visit: Visit) -> None:
        screens = Screens(visit())
        desk, phone = screens.open("/accounts/logout/")
        desk.evaluate("document.querySelector('main').insertAdjacentHTML('beforeend', '<p id=black>Black</p>')")
        desk.evaluate("document.getElementById('black').style.color = 'black'")
        phone.evaluate("document.querySelector('main').append(document.createElement('input'))")
        for page in (desk, phone):
            screens.look(page, "broken")

        with pytest.raises(AssertionError):
            screens.close()
        told = [one.split(": [")[0] for one in screens.wrong]
        assert told == [
            "broken, dark, desktop: color-contrast",
            "broken, light, phone: label",
            "broken, dark, phone: label",
            "broken: too small for a finger (358 by 24): input “”",
        ]


class TestAxe:
    def test_finds_nothing_on_pages_without_sessions(self, screens: Screens, stranger: Stranger) -> None:
        pages = screens.open("/settings/")
        for path in SETTINGS:
            for page in screens.turn(pages, path):
                screens.look(page, path)
        for page in screens.turn(pages, "/"):
            screens.look(page, "/")
            page.evaluate("document.querySelector('slw-new-project').openWith('UPLOAD')")
            expect(page.get_by_role("dialog")).to_be_visible()
            screens.look(page, "a new project")
        for size in ("desktop", "phone"):
            entrance = stranger(size)
            for path in ENTRANCE:
                go(entrance, screens.alice.server.url + path)
                screens.look(entrance, path)

    def test_finds_nothing_on_pages_of_sessions(self, screens: Screens) -> None:
        alice = screens.alice
        project = alice.project()
        asking = alice.session(project, "Write a small fizzbuzz program and test it", name="asking")
        question = alice.session(project, "ask me a question", name="question")
        text = "# Done\n\n`it` [here](https://example.com)\n\n```python\nprint(1)  # one\n```\n\n| a |\n|--|\n| 1 |"
        steps = [bash("seq 1 200"), bash("echo new > new.txt; exit 3"), [{"thinking": "hm"}, {"text": text}]]
        done = alice.session(project, script(*steps), name="done", **FREE)
        dead = alice.session(project, script(bash("kill -9 $PPID")), name="dead", **FREE)
        empty = alice.session(project, name="empty")
        for session in (done, dead):
            alice.wait_until_idle(session)
        for session in (asking, question):
            alice.wait_until_asked(session)

        pages = screens.open("/")
        for page in pages:
            screens.look(page, "the projects")
        shown = [
            (asking, "[aria-label='May the agent do this?']"),
            (question, "[aria-label='The agent asks']"),
            (done, ".turn-footer"),
            (dead, ".note.error"),
            (empty, ".session-empty"),
        ]
        for session, last in shown:
            for page in screens.turn(pages, session_path(session)):
                expect(page.locator("slw-composer textarea")).to_be_enabled()
                expect(page.locator(last).first).to_be_visible()
                expect(page.get_by_text("Practice model", exact=True)).to_be_visible()
                screens.look(page, session["name"])
        for page in screens.turn(pages, session_path(done)):
            expect(page.locator(".tool").first).to_be_visible()
            for summary in page.locator(".tool > summary").all():
                summary.click()
            if is_phone(page):
                page.get_by_role("navigation", name="Panes").get_by_role("button", name="Changes").click()
            screens.look(page, "its changes and tools")
            page.get_by_label("More about this session").click()
            page.get_by_role("button", name="Delete…").click()
            screens.look(page, "to be deleted")


@pytest.mark.undisturbed("goes through pages by the keyboard, which begin anew when they are loaded again")
class TestTheKeyboard:
    def test_reaches_everything_and_shows_where_it_is(self, visit: Visit) -> None:
        alice = visit()
        alice.session(alice.project(), name="a-session")
        page = alice.open("/")
        seen = []
        for _ in range(20):
            page.keyboard.press("Tab")
            if page.evaluate("document.activeElement === document.body"):
                break
            seen.append(focused(page))
            outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
            assert outline != "none", seen[-1]

        assert seen[0] == "Skip to the content"
        for name in ("New session", "New project", "a-session", "More about sample"):
            assert any(name in one for one in seen), (name, seen)

    def test_stays_in_a_dialog_and_returns_to_where_it_was(self, visit: Visit) -> None:
        alice = visit()
        alice.project()
        page = alice.open("/")
        opener = page.locator(".sidebar").get_by_role("button", name="New session")
        opener.focus()
        page.keyboard.press("Enter")
        dialog = page.get_by_role("dialog", name="New session")
        expect(dialog.get_by_label("What should the agent do?")).to_be_focused()

        for _ in range(16):
            page.keyboard.press("Tab")
            assert page.evaluate(
                "document.activeElement === document.body || document.activeElement.closest('dialog') !== null"
            ), focused(page)
        page.keyboard.press("Escape")

        expect(dialog).to_be_hidden()
        expect(opener).to_be_focused()

    def test_closes_a_menu_and_returns_to_it(self, visit: Visit) -> None:
        alice = visit()
        page = alice.open(session_path(alice.session(alice.project())))
        menu = page.get_by_label("More about this session")
        menu.focus()
        page.keyboard.press("Enter")
        expect(page.get_by_role("button", name="Rename…")).to_be_focused()

        page.keyboard.press("Enter")
        dialog = page.get_by_role("dialog", name="Rename the session")
        expect(dialog.get_by_label("Name")).to_be_focused()
        page.keyboard.press("Escape")

        expect(dialog).to_be_hidden()
        expect(menu).to_be_focused()

    def test_moves_the_divider(self, visit: Visit) -> None:
        alice = visit()
        page = alice.open(session_path(alice.session(alice.project())))
        divider = page.get_by_role("separator", name="Width of the conversation")
        before = int(divider.get_attribute("aria-valuenow") or 0)

        divider.focus()
        page.keyboard.press("ArrowLeft")

        assert int(divider.get_attribute("aria-valuenow") or 0) == before - 2


class TestReducedMotion:
    def test_stops_every_animation(self, visit: Visit) -> None:
        alice = visit()
        session = alice.session(alice.project(), script(bash("while ! test -e go; do sleep 0.2; done")), **FREE)
        moving, calm = animations(alice, session, "no-preference"), animations(alice, session, "reduce")

        assert moving > 0
        assert calm == 0


def animations(alice: Visitor, session: dict[str, Any], wish: str) -> int:
    context = alice.device(reduced_motion=wish)
    page = alice.open(session_path(session), context)
    expect(page.locator(".session-head .status.running")).to_be_visible(timeout=TURN_MS)
    running = int(page.evaluate("document.getAnimations().length"))
    context.close()
    return running

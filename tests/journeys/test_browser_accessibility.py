"""Every page can be used without a mouse, without good eyes and without motion: axe-core, the keyboard, settings."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from config.env import BASE_DIR
from tests.journeys.browsing import TURN_MS, Visitor, bash, go, script, session_path
from tests.journeys.conftest import Stranger, Visit

pytestmark = [pytest.mark.browser, pytest.mark.cli, pytest.mark.timeout(180)]

AXE = BASE_DIR / "frontend" / "node_modules" / "axe-core" / "axe.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
ENTRANCE = ["/accounts/login/", "/accounts/signup/", "/accounts/password/reset/"]
SETTINGS = ["/settings/usage/", "/settings/tokens/", "/accounts/password/change/", "/accounts/logout/"]
FREE = {"permission_mode": "bypassPermissions"}


def violations(page: Page, within: str = "html") -> list[str]:
    """What axe-core finds wrong; it is injected past the policy, by the debugger."""
    page.emulate_media(reduced_motion="reduce")
    page.evaluate(AXE.read_text())
    found: list[dict[str, Any]] = page.evaluate(
        "async ([within, tags]) => (await axe.run(within, { runOnly: { type: 'tag', values: tags } })).violations",
        [within, RULES],
    )
    return [f"{page.url} {one['id']}: {[node['html'][:160] for node in one['nodes'][:3]]}" for one in found]


def focused(page: Page) -> str:
    """What the focus is on, in a word."""
    word = page.evaluate(
        """(({ activeElement: at }) =>
            at.getAttribute("aria-label") || at.labels?.[0]?.textContent || at.textContent || at.localName)(document)"""
    )
    return " ".join(str(word).split())


@pytest.fixture(params=["light", "dark"])
def theme(request: pytest.FixtureRequest) -> str:
    return str(request.param)


class TestAxe:
    @pytest.mark.parametrize("size", ["desktop", "phone"])
    def test_finds_nothing_on_pages_without_sessions(
        self, visit: Visit, stranger: Stranger, theme: str, size: str
    ) -> None:
        alice = visit(size=size, theme=theme)
        wrong = [item for path in ["/", *SETTINGS] for item in violations(alice.open(path))]

        page = alice.open("/")
        page.evaluate("document.querySelector('slw-new-project').openWith('UPLOAD')")
        expect(page.get_by_role("dialog")).to_be_visible()
        wrong += violations(page)
        entrance = stranger(size, theme)
        for path in ENTRANCE:
            go(entrance, alice.server.url + path)
            wrong += violations(entrance)

        assert not wrong, "\n".join(wrong)

    @pytest.mark.parametrize("size", ["desktop", "phone"])
    def test_finds_nothing_on_pages_of_sessions(self, visit: Visit, theme: str, size: str) -> None:
        alice = visit(size=size, theme=theme)
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

        wrong = violations(alice.open("/"))
        shown = [
            (asking, "[aria-label='May the agent do this?']"),
            (question, "[aria-label='The agent asks']"),
            (done, ".turn-footer"),
            (dead, ".note.error"),
            (empty, ".session-empty"),
        ]
        for session, last in shown:
            page = alice.open(session_path(session))
            expect(page.locator("slw-composer textarea")).to_be_enabled()
            expect(page.locator(last).first).to_be_visible()
            expect(page.get_by_text("Practice model", exact=True)).to_be_visible()
            wrong += violations(page)
        page = alice.open(session_path(done))
        expect(page.locator(".tool").first).to_be_visible()
        for summary in page.locator(".tool > summary").all():
            summary.click()
        if size == "phone":
            page.get_by_role("navigation", name="Panes").get_by_role("button", name="Changes").click()
        wrong += violations(page)
        page.get_by_label("More about this session").click()
        page.get_by_role("button", name="Delete…").click()
        wrong += violations(page)

        assert not wrong, "\n".join(wrong)


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
        expect(dialog.get_by_label("Project")).to_be_focused()

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
        page.keyboard.press("Tab")
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
        divider = page.get_by_role("separator")
        before = int(divider.get_attribute("aria-valuenow") or 0)

        divider.focus()
        page.keyboard.press("ArrowLeft")

        assert int(divider.get_attribute("aria-valuenow") or 0) == before - 2


class TestReducedMotion:
    def test_stops_every_animation(self, visit: Visit) -> None:
        alice = visit()
        session = alice.session(alice.project(), "Write a small fizzbuzz program and test it")
        alice.wait_until_asked(session)
        moving, calm = animations(alice, session, "no-preference"), animations(alice, session, "reduce")

        assert moving > 0
        assert calm == 0


def animations(alice: Visitor, session: dict[str, Any], wish: str) -> int:
    context = alice.device(reduced_motion=wish)
    page = alice.open(session_path(session), context)
    expect(page.get_by_role("region", name="May the agent do this?")).to_be_visible(timeout=TURN_MS)
    running = int(page.evaluate("document.getAnimations().length"))
    context.close()
    return running

"""A long conversation read: ten thousand events, of which the page holds few; links, finding, copying; streaming."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.gallery import story
from tests.journeys import logs
from tests.journeys.browsing import TURN_MS, Visitor, bash, script, session_path
from tests.journeys.conftest import AT_BOTH_SIZES, Shoot, Visit
from tests.journeys.curl import wait_for
from tests.journeys.looking import is_phone
from tests.journeys.operating import add_member
from tests.journeys.wire import query

pytestmark = [pytest.mark.browser, pytest.mark.cli, pytest.mark.timeout(240)]

FREE = {"permission_mode": "bypassPermissions"}
EVENTS = 10_000
MOST_ELEMENTS, MOST_ROWS = 2500, 150
ELEMENTS = "document.querySelectorAll('*').length"
SEEN = """() => {
    const rows = [...document.querySelectorAll('.entry')];
    return rows.find((one) => one.getBoundingClientRect().top > 200).dataset.key;
}"""
PLACE = "(key) => document.querySelector(`.entry[data-key='${key}']`).getBoundingClientRect().top"
MARKED = "() => CSS.highlights.get('slw-found-current')?.size === 1"
MARKED_TEXT = """() => {
    const [range] = CSS.highlights.get('slw-found-current');
    const box = range.getBoundingClientRect();
    const view = document.querySelector('slw-conversation').getBoundingClientRect();
    return [range.toString(), box.top >= view.top && box.bottom <= view.bottom];
}"""


def long_session(visitor: Visitor, events: int = EVENTS) -> dict[str, Any]:
    session = visitor.session(visitor.project(), name="long")
    logs.write(visitor.server, session, logs.turns(events // logs.TURN_EVENTS))
    return session


def answer(page: Page, number: int) -> Any:
    return page.locator(".entry").get_by_text(f"Answer {number}", exact=True)


def press(button: Locator) -> None:
    button.tap() if is_phone(button.page) else button.click()


def copied(page: Page, part: str) -> str:
    """What was copied, once this is in it."""

    def found() -> str:
        text = str(page.evaluate("navigator.clipboard.readText()"))
        return text if part in text else ""

    return str(wait_for(found, 20))


class TestTenThousandEvents:
    def test_are_read_linked_to_found_and_copied_in_a_page_that_holds_few_of_them(
        self, visit: Visit, shoot: Shoot
    ) -> None:
        alice, bob = visit(), visit()
        session = long_session(alice)
        add_member(alice.server, alice.organization_id, bob.person, "MEMBER")
        alice.context.grant_permissions(["clipboard-read", "clipboard-write"])
        page = alice.open(session_path(session))
        expect(answer(page, 500)).to_be_visible(timeout=TURN_MS)
        self.holds_few(page)

        # What is before comes when one scrolls up, and moves nothing that is read.
        page.locator("slw-conversation").hover()
        page.mouse.wheel(0, -1200)
        expect(page.get_by_role("button", name="Jump to latest")).to_be_visible()
        page.wait_for_timeout(500)
        row = page.evaluate(SEEN)
        before = page.evaluate(PLACE, row)
        first = page.evaluate("document.querySelector('slw-conversation').history.first")
        page.evaluate("document.querySelector('slw-conversation').history.earlier()")
        page.wait_for_function(f"() => document.querySelector('slw-conversation').history.first < {first}")
        page.wait_for_timeout(300)
        assert abs(page.evaluate(PLACE, row) - before) < 1, "what came before moved the reader"

        # Many reads are one line, and unfold to lines with numbers.
        key = page.evaluate(SEEN.replace(".entry", ".entry.is-group"))
        reads = page.locator(f".entry[data-key='{key}']")
        reads.get_by_text("Read 4 files").click()
        expect(reads.locator("slw-tool")).to_have_count(4)
        shoot(page, "conversation-long")

        self.finds(page)
        self.holds_few(page)

        # A link to a turn works far back, and for another member.
        page.locator(".entry.is-user", has_text="Question 2").first.hover()
        page.locator(".entry.is-user", has_text="Question 2").first.get_by_label("Copy a link to this turn").click()
        link = copied(page, "#turn-")
        assert re.search(r"#turn-\d+$", link)
        other = bob.context.new_page()
        loaded: list[str] = []
        other.on("request", lambda request: loaded.append(request.url) if "/events?" in request.url else None)
        other.goto(link)
        expect(other.locator(".said").get_by_text("Question 2", exact=True)).to_be_in_viewport(timeout=TURN_MS)
        self.reads_on_from_far_back(other, loaded)

        page.get_by_role("button", name="Jump to latest").click()
        expect(answer(page, 500)).to_be_visible()
        footer = page.locator(".turn-footer").last
        footer.hover()
        footer.get_by_label("Copy this turn as Markdown").click()
        text = copied(page, "Question 500")
        assert "```sh\nmake part4\n```" in text
        assert text.endswith("Answer 500")
        footer.get_by_label("Unfold all of this turn").click()
        expect(page.locator(".entry .output").last).to_contain_text("line 0 of 500-6")
        footer.get_by_label("Fold all of this turn").click()
        self.holds_few(page)

    def reads_on_from_far_back(self, page: Page, loaded: list[str]) -> None:
        """Nothing between there and the end was loaded; what comes after it comes when it is read."""
        assert len(loaded) <= 2
        view = page.locator("slw-conversation")
        assert view.evaluate("(view) => view.history.hasLater && view.rows.length") < 200
        view.evaluate("(view) => view.goTo(1)")
        expect(page.locator(".said").get_by_text("Question 1", exact=True)).to_be_in_viewport()
        for _ in range(20):
            view.evaluate("(view) => { view.scrollTop += 900; }")
            page.wait_for_timeout(40)
        page.wait_for_function("() => document.querySelector('slw-conversation').history.conversation.lastSeq > 600")
        assert view.evaluate("(view) => view.history.hasLater")
        page.get_by_role("button", name="Jump to latest").click()
        expect(answer(page, 500)).to_be_visible()
        assert not view.evaluate("(view) => view.history.hasLater")

    def holds_few(self, page: Page) -> None:
        assert page.evaluate(ELEMENTS) < MOST_ELEMENTS
        assert page.locator(".entry").count() < MOST_ROWS

    def finds(self, page: Page) -> None:
        """In what is not loaded, in what is folded, forwards and backwards."""
        page.keyboard.press("Control+f")
        field = page.get_by_role("searchbox", name="Find in the conversation")
        expect(field).to_be_focused()
        field.fill("line 33 of 2-2")
        expect(page.locator(".find-count")).to_have_text("1 of 1", timeout=TURN_MS)
        page.wait_for_function(MARKED)
        page.wait_for_timeout(300)
        assert page.evaluate(MARKED_TEXT) == ["line 33 of 2-2", True]

        field.fill("of 499-")
        expect(page.locator(".find-count")).to_have_text("280 of 280")
        page.keyboard.press("Enter")
        expect(page.locator(".find-count")).to_have_text("1 of 280")
        page.keyboard.press("Shift+Enter")
        page.keyboard.press("Shift+Enter")
        expect(page.locator(".find-count")).to_have_text("279 of 280")
        field.fill("nowhere to be found")
        expect(page.locator(".find-count")).to_have_text("Nothing found")
        field.fill("Question 2")
        expect(page.locator(".find-count")).to_have_text(re.compile(" of 111"))
        page.keyboard.press("Enter")
        page.keyboard.press("Escape")
        expect(field).to_have_count(0)
        expect(page.locator("slw-conversation")).to_be_focused()

    def test_are_read_on_a_phone(self, visit: Visit, shoot: Shoot) -> None:
        alice = visit(size="small")
        page = alice.open(session_path(long_session(alice, 2000)))
        expect(answer(page, 100)).to_be_visible(timeout=TURN_MS)
        page.locator(".tool > summary").last.click()
        expect(page.locator(".entry .output").last).to_be_visible()
        sideways = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert sideways == 0
        page.goto(page.url + "#turn-1")
        page.reload()
        expect(page.locator(".said").get_by_text("Question 1", exact=True)).to_be_in_viewport(timeout=TURN_MS)
        page.get_by_role("button", name="Jump to latest").click()
        expect(answer(page, 100)).to_be_visible()
        alice.context.grant_permissions(["clipboard-read", "clipboard-write"])
        page.locator(".turn-footer").last.get_by_label("Copy this turn as Markdown").tap()
        assert copied(page, "Question 100").endswith("Answer 100")
        self.holds_few(page)
        shoot(page, "conversation-phone")


PARTS = "\n\n".join(
    f"Paragraph {number} has **bold words** and `code`.\n\n```python\nx = {number}  # {number}\n```"
    for number in range(12)
)
KEPT = """() => {
    const view = document.querySelector('slw-markdown');
    window.kept = [...view.children].slice(0, 4);
    window.moved = [];
    const tops = () => kept.map((one) => one.getBoundingClientRect().top - kept[0].getBoundingClientRect().top);
    const before = tops().join();
    new MutationObserver(() => { if (tops().join() !== before) moved.push(tops().join()); })
        .observe(view, { childList: true, subtree: true, characterData: true });
    document.getSelection().selectAllChildren(kept[2]);
    window.chosen = document.getSelection().toString();
}"""


class TestTextThatStreams:
    @AT_BOTH_SIZES
    def test_keeps_its_finished_blocks_their_places_and_what_is_selected_in_them(self, alice: Visitor) -> None:
        alice.context.grant_permissions(["clipboard-read", "clipboard-write"])
        text = [{"text": PARTS, "chunks": 120, "delay": 0.05}]
        session = alice.session(alice.project(), script(bash("printf '\\033[31mred\\033[0m'"), text), **FREE)
        page = alice.open(session_path(session))
        expect(page.locator("slw-markdown").get_by_text("Paragraph 3 has")).to_be_visible(timeout=TURN_MS)
        page.evaluate(KEPT)
        assert "**" not in page.locator("slw-markdown").inner_text()

        expect(page.locator(".turn-footer")).to_be_attached(timeout=TURN_MS)

        assert page.evaluate("kept.every((one, at) => one === document.querySelector('slw-markdown').children[at])")
        assert page.evaluate("moved") == []
        assert page.evaluate("chosen !== '' && document.getSelection().toString() === chosen")
        expect(page.locator("slw-markdown .code")).to_have_count(12)
        expect(page.locator("slw-markdown .hljs-number").first).to_be_attached()

        page.locator("slw-conversation").evaluate("(view) => view.goTo(1)")
        press(page.locator(".tool > summary"))
        expect(page.locator(".output .ansi-red")).to_have_text("red")
        code = page.locator("slw-markdown .code").first
        press(code.get_by_role("button", name="Copy"))
        assert copied(page, "x = 0") == "x = 0  # 0"
        press(code.get_by_role("button", name="Wrap"))
        assert code.locator("code").evaluate("one => getComputedStyle(one).whiteSpace") == "pre-wrap"


# What the line of a call begins with, and what is in it once it is unfolded.
UNFOLDED = {
    r"Search\s+set_cookie": "auth/oauth.py",
    r"Read\s+auth/views": "def step_20",
    "Search the web": "example.com",
    "Fetch": "Cookies…",
    "Task list": "Test it in Safari",
    "Use get_issue": "Signed out",
    r"Run\s+npm test": "It ended with exit code 1.",
    "Edit": "max_age=SID_AGE_S",
    "Write": "The whole file",
}


class TestWhateverHappened:
    @AT_BOTH_SIZES
    def test_unfolds_where_it_stands(self, alice: Visitor, shoot: Shoot) -> None:
        session = alice.session(alice.project())
        logs.write(alice.server, session, story.everything())
        query(alice.server, "update agent_sessions_agentsession set cost_usd = 3.41 where id = %s", session["id"])
        page = alice.open(session_path(session))
        size = page.viewport_size
        assert size
        page.set_viewport_size({"width": size["width"], "height": 6000})  # all of it is in the page
        expect(page.get_by_text("I look for the places")).to_be_visible(timeout=TURN_MS)
        expect(page.locator(".composer-facts")).to_contain_text("$3.41")
        expect(page.locator(".turn-footer").first).to_contain_text("99.7K tokens")

        for folded in page.locator(".thinking > summary").all():
            press(folded)
        expect(page.get_by_text("The cookie must be set somewhere")).to_be_visible()
        folded = page.locator("details.tool:not([open]) > summary")
        for _ in range(folded.count()):
            press(folded.first)
        expect(folded).to_have_count(0)
        for name, inside in UNFOLDED.items():
            tool = page.locator("details.tool", has=page.locator("summary", has_text=re.compile(f"^\\s*{name}")))
            expect(tool.first).to_contain_text(inside)
        expect(page.locator(".nested .tool")).to_have_count(2)
        expect(page.locator(".nested")).to_contain_text("Look at the diff.")
        expect(page.locator(".is-retried")).to_contain_text("529 overloaded")
        expect(page.locator(".note.error", has_text="overloaded")).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
        shoot(page, "everything")
        press(page.locator(".tool-body").get_by_role("button", name=re.compile("Enlarge")).first)
        expect(page.get_by_role("dialog")).to_be_visible()
        page.keyboard.press("Escape")
        press(page.get_by_role("button", name="Show all 4,000 lines"))
        expect(page.locator(".output", has_text="3999")).to_have_count(1)


class TestATurnsFiles:
    def test_are_restored_and_that_is_taken_back(self, visit: Visit, shoot: Shoot) -> None:
        alice = visit()
        session = alice.session(alice.project(), script(bash("echo one > kept.txt"), [{"text": "first done"}]), **FREE)
        page = alice.open(session_path(session))
        expect(page.locator("slw-markdown").get_by_text("first done")).to_be_visible(timeout=TURN_MS)
        alice.wait_until_idle(session)
        page.get_by_label("Message to the agent").fill(script(bash("echo two > later.txt"), [{"text": "second done"}]))
        page.keyboard.press("Enter")
        expect(page.locator("slw-markdown").get_by_text("second done")).to_be_visible(timeout=TURN_MS)
        expect(page.locator(".turn-footer")).to_have_count(2, timeout=TURN_MS)
        changes = page.get_by_role("region", name="Changes")
        expect(changes.get_by_text("later.txt")).to_be_visible()
        expect(page.locator(".turn-footer").last).to_contain_text("1 file changed")  # of two by now

        page.locator(".turn-footer").first.hover()
        page.get_by_role("button", name="Restore to here").first.click()
        dialog = page.get_by_role("dialog", name="Restore the files to the end of this turn?")
        expect(dialog.get_by_text("1 file will be changed:")).to_be_visible()
        expect(dialog.get_by_text("later.txt")).to_be_visible()
        shoot(page, "conversation-restore")
        dialog.get_by_role("button", name="Restore", exact=True).click()

        told = page.locator(".restored")
        expect(told).to_contain_text("restored 1 file to an earlier state", timeout=TURN_MS)
        expect(changes.get_by_text("later.txt")).to_have_count(0)
        told.get_by_role("button", name="Undo").click()
        expect(page.locator(".restored")).to_have_count(2, timeout=TURN_MS)
        expect(changes.get_by_text("later.txt")).to_be_visible()

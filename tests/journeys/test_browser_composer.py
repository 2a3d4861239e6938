"""Writing to the agent and answering it: menus, earlier messages, drafts, modes, folded text, the card's keys."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.journeys.browsing import TURN_MS, Visitor, bash, script, session_path
from tests.journeys.conftest import Shoot, Visit
from tests.journeys.test_browser_controls import picker
from tests.journeys.test_browser_images import paste, png

pytestmark = [pytest.mark.browser, pytest.mark.cli, pytest.mark.timeout(180)]

FREE = {"permission_mode": "bypassPermissions"}
SLOW = script([{"text": "one two three four five six seven eight nine ten " * 20, "chunks": 200, "delay": 0.25}])
PASTE_TEXT = """text => {
    const data = new DataTransfer();
    data.setData("text/plain", text);
    const area = document.querySelector("slw-composer textarea");
    area.dispatchEvent(new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true }));
}"""
# Two tabs in one browser: the second hears what the first writes by the store's own event.
DRAFT = "() => localStorage.getItem(Object.keys(localStorage).find(key => key.startsWith('slipway.draft.')))"


def field(page: Page) -> Locator:
    return page.get_by_label("Message to the agent")


def files(page: Page) -> Locator:
    return page.get_by_role("listbox", name="Files")


def card(page: Page) -> Locator:
    return page.locator(".permission")


def ready_card(page: Page) -> Locator:
    """Past the moment in which no key counts."""
    ready = page.locator(".permission:not(.is-settling)")
    expect(ready).to_be_visible(timeout=TURN_MS)
    return ready


def send(page: Page, text: str) -> None:
    field(page).fill(text)
    page.get_by_role("button", name="Send", exact=False).click()


@pytest.fixture
def idle(visit: Visit) -> tuple[Visitor, dict[str, Any]]:
    alice = visit()
    session = alice.session(alice.project(), script([{"text": "ready"}]), **FREE)
    alice.wait_until_idle(session)
    return alice, session


class TestTheField:
    def test_grows_finishes_files_and_commands_and_keeps_what_was_typed_undoable(
        self, idle: tuple[Visitor, dict[str, Any]], shoot: Shoot
    ) -> None:
        alice, session = idle
        page = alice.open(session_path(session))
        area = field(page)
        before = area.bounding_box()
        area.fill("\n".join(f"line {number}" for number in range(60)))
        after, height = area.bounding_box(), page.viewport_size
        assert before
        assert after
        assert height
        assert before["height"] < after["height"] <= 0.4 * height["height"] + 1

        area.fill("")
        area.press_sequentially("look at @read")
        option = files(page).get_by_role("option").first
        expect(option).to_have_text("README.md")
        expect(option.locator(".letters-found")).to_have_text("READ")
        expect(area).to_have_attribute("aria-activedescendant", "composer-menu-0")
        shoot(page, "files")
        page.keyboard.press("Tab")
        expect(area).to_have_value("look at @README.md ")
        expect(files(page)).to_be_hidden()
        page.keyboard.press("Control+z")
        expect(area).to_have_value("look at @read")

        area.fill("")
        page.get_by_label("Add", exact=True).click()
        page.get_by_role("button", name="A command").click()
        expect(page.get_by_role("listbox", name="Agent commands").get_by_role("group")).to_have_count(1)
        page.keyboard.press("Escape")
        expect(area).to_have_value("/")
        expect(area).to_be_focused()

    def test_recalls_what_was_said_here_and_elsewhere(self, idle: tuple[Visitor, dict[str, Any]], shoot: Shoot) -> None:
        alice, session = idle
        other = alice.session({"id": session["project_id"]}, name="other", **FREE)
        page = alice.open(session_path(other))
        send(page, script([{"text": "said here"}]))
        expect(page.locator(".prose").get_by_text("said here", exact=True)).to_be_visible(timeout=TURN_MS)
        area = field(page)

        area.press_sequentially("my draft")
        page.keyboard.press("ArrowUp")
        expect(area).to_have_value("my draft")
        area.fill("")
        page.keyboard.press("ArrowUp")
        expect(area).to_have_value(script([{"text": "said here"}]))
        page.wait_for_function(
            "() => performance.getEntriesByType('resource').some(one => one.name.includes('/prompts?'))"
        )
        page.keyboard.press("ArrowUp")
        expect(area).to_have_value(script([{"text": "ready"}]))
        page.keyboard.press("ArrowDown")
        page.keyboard.press("ArrowDown")
        expect(area).to_have_value("")

        page.keyboard.press("Control+r")
        search = page.get_by_role("combobox", name="Search in earlier messages")
        expect(search).to_be_focused()
        search.press_sequentially("ready")
        expect(page.get_by_role("listbox", name="Earlier messages").get_by_role("option")).to_have_count(1)
        shoot(page, "earlier")
        page.keyboard.press("Enter")
        expect(area).to_have_value(script([{"text": "ready"}]))
        expect(area).to_be_focused()

    def test_folds_long_text_that_is_pasted_and_sends_all_of_it(
        self, idle: tuple[Visitor, dict[str, Any]], shoot: Shoot
    ) -> None:
        alice, session = idle
        page = alice.open(session_path(session))
        expect(field(page)).to_be_enabled()
        log = "Traceback of many lines\n" + "line of a log\n" * 500
        field(page).fill(script([{"text": "got it"}]))
        page.evaluate(PASTE_TEXT, log)
        folded = page.get_by_role("list", name="Pasted text")
        expect(folded).to_contain_text("501 lines")
        shoot(page, "folded")
        page.reload()
        expect(folded).to_contain_text("501 lines")
        page.evaluate(PASTE_TEXT, "x" * 6000)
        folded.get_by_role("button", name="Remove pasted text 2").click()

        field(page).press("Enter")

        expect(page.locator(".prose").get_by_text("got it", exact=True)).to_be_visible(timeout=TURN_MS)
        expect(folded).to_be_hidden()
        said = alice.person.call("GET", f"/api/sessions/{session['id']}/messages")["items"]
        assert any(one["text"].rstrip().endswith(log.rstrip()) for one in said)

    def test_keeps_the_drafts_of_two_tabs(self, idle: tuple[Visitor, dict[str, Any]]) -> None:
        alice, session = idle
        one, other = alice.open(session_path(session)), alice.open(session_path(session))
        expect(field(other)).to_be_enabled()

        field(one).fill("from the one")
        expect(field(other)).to_have_value("from the one")
        field(other).fill("from the one, and the other")
        expect(field(one)).to_have_value("from the one, and the other")
        # While the other sleeps, both go on.
        other.evaluate("document.querySelector('slw-composer').meetOtherTab = () => {}")
        field(one).fill("something else")
        field(other).fill("and something new")

        expect(other.get_by_text("Also written, in another tab: “something else”")).to_be_visible()
        other.get_by_role("button", name="Add it here").click()
        expect(field(other)).to_have_value("and something new\n\nsomething else")
        field(other).fill("")
        expect(field(one)).to_have_value("")
        assert one.evaluate(DRAFT.replace("slipway.draft.", "slipway.draft-aside.")) is None

    def test_shows_images_large_and_sends_at_once_what_cannot_wait(self, visit: Visit, shoot: Shoot) -> None:
        alice = visit()
        page = alice.open(session_path(alice.session(alice.project(), SLOW)))
        expect(page.locator(".prose").get_by_text("one two three")).to_be_visible(timeout=TURN_MS)
        paste(page, png())
        page.get_by_role("button", name="Enlarge shot.png").click()
        expect(page.get_by_role("dialog", name="shot.png")).to_be_visible()
        page.keyboard.press("Escape")
        expect(page.get_by_text("Uploading…")).to_have_count(0)
        page.get_by_role("button", name="Remove shot.png").click()

        field(page).fill(script([{"text": "the hasty one"}]))
        field(page).press("Control+Enter")

        expect(page.locator(".prose").get_by_text("the hasty one", exact=True)).to_be_visible(timeout=TURN_MS)
        expect(page.get_by_role("button", name="Interrupt")).to_be_hidden()

    def test_goes_on_to_the_next_mode_and_says_so(self, idle: tuple[Visitor, dict[str, Any]]) -> None:
        alice, session = idle
        page = alice.open(session_path(session))
        expect(picker(page, "Permissions")).to_have_text("Never ask")
        field(page).focus()

        page.keyboard.press("Shift+Tab")
        page.keyboard.press("Shift+Tab")

        expect(page.locator("slw-composer [role=status]").get_by_text("Accept edits.")).to_have_count(1)
        expect(picker(page, "Permissions")).to_have_text("Accept edits")
        page.wait_for_function(
            "async id => (await (await fetch(`/api/sessions/${id}`)).json()).permission_mode === 'acceptEdits'",
            arg=session["id"],
        )
        expect(field(page)).to_be_focused()

    def test_on_a_phone_breaks_lines_with_enter_and_stays_above_the_keyboard(
        self, idle: tuple[Visitor, dict[str, Any]], shoot: Shoot
    ) -> None:
        alice, session = idle
        phone = alice.device("phone")
        page = alice.open(session_path(session), phone)
        area = field(page)
        area.tap()
        area.press_sequentially("one")
        small = area.bounding_box()
        page.keyboard.press("Enter")
        area.press_sequentially("two")
        expect(area).to_have_value("one\ntwo")
        grown = area.bounding_box()
        assert small
        assert grown
        assert grown["height"] > small["height"]

        page.set_viewport_size({"width": 390, "height": 420})
        expect(page.locator("html[data-keyboard=open]")).to_have_count(1)
        box = page.locator(".composer").bounding_box()
        assert box
        assert box["y"] + box["height"] <= 420
        assert float(area.evaluate("area => parseFloat(getComputedStyle(area).fontSize)")) >= 16
        shoot(page, "keyboard")
        area.fill(script([{"text": "from the phone"}]))
        page.get_by_role("button", name="Send").tap()
        expect(page.locator(".prose").get_by_text("from the phone", exact=True)).to_be_visible(timeout=TURN_MS)
        phone.close()


class TestTheCard:
    def test_takes_no_key_of_a_word_that_was_meant_for_the_message(self, visit: Visit) -> None:
        alice = visit()
        session = alice.session(alice.project(), script(bash("touch asked.txt")))
        page = alice.open(session_path(session))
        field(page).press_sequentially("add", delay=30)
        ready_card(page)
        field(page).press_sequentially(" a day", delay=30)
        expect(field(page)).to_have_value("add a day")
        page.wait_for_timeout(1500)
        expect(field(page)).to_be_focused()

        field(page).fill("")
        page.reload()
        ready_card(page)
        expect(card(page)).to_be_focused()  # from an empty field, in which nobody writes
        page.keyboard.type("also", delay=60)
        expect(field(page)).to_have_value("also")
        assert alice.wait_until_asked(session)

        page.keyboard.press("Escape")
        page.wait_for_timeout(500)
        page.keyboard.press("a")
        expect(page.get_by_text("Allowed by", exact=False)).to_be_visible()

    def test_shows_several_and_folds(self, visit: Visit, shoot: Shoot) -> None:
        alice = visit(size="phone", theme="dark")
        command = "python3 -c 'print(42)'"
        session = alice.session(alice.project(), script(bash(command), [{"text": "done with it"}]))
        page = alice.open(session_path(session))
        ready_card(page)
        expect(card(page).get_by_role("heading", name="Run this command?")).to_be_visible()
        box, view = card(page).bounding_box(), page.viewport_size
        assert box
        assert view
        assert box["height"] <= 0.7 * view["height"] + 1
        for name in ("Allow once", "Deny…"):
            button = card(page).get_by_role("button", name=name).bounding_box()
            assert button
            assert button["height"] >= 44
        shoot(page, "card")

        page.get_by_role("button", name="Fold this question").tap()
        bar = page.locator(".permission-bar")
        expect(bar).to_contain_text(command)
        shoot(page, "card-folded")
        bar.tap()
        card(page).get_by_role("button", name="Always allow…").tap()
        expect(
            card(page).get_by_text("Every command that begins with").or_(card(page).get_by_text("Just this command"))
        ).to_be_visible()
        shoot(page, "card-always")
        card(page).get_by_role("button", name="Back").tap()
        card(page).get_by_role("button", name="Allow once").tap()
        expect(page.locator(".prose").get_by_text("done with it", exact=True)).to_be_visible(timeout=TURN_MS)

    def test_answers_questions_by_numbers_and_approves_a_plan_with_its_edits(self, visit: Visit, shoot: Shoot) -> None:
        alice = visit()
        options = [{"label": "Red", "description": "warm"}, {"label": "Blue", "description": "cold"}]
        questions = [
            {"question": "Which colour?", "header": "Colour", "options": options, "multiSelect": False},
            {"question": "Which extras?", "header": "Extras", "options": options, "multiSelect": True},
        ]
        ask = [{"tool": "AskUserQuestion", "input": {"questions": questions}}]
        session = alice.session(alice.project(), script(ask, [{"text": "answered"}]))
        page = alice.open(session_path(session))
        expect(page.get_by_role("region", name="The agent asks")).to_be_visible(timeout=TURN_MS)
        ready_card(page)
        page.keyboard.press("Escape")
        page.keyboard.press("2")
        expect(card(page).get_by_role("radio", name="Blue")).to_be_checked()
        shoot(page, "questions")
        card(page).get_by_role("checkbox", name="Red").focus()
        page.keyboard.press("1")
        page.keyboard.press("2")
        expect(card(page).get_by_role("checkbox", name="Blue")).to_be_checked()
        page.keyboard.press("Enter")
        expect(page.get_by_text("answered", exact=True)).to_be_visible(timeout=TURN_MS)

        planned = alice.session({"id": session["project_id"]}, "make a plan", name="plan", permission_mode="plan")
        plan = alice.open(session_path(planned))
        ready_card(plan)
        plan.keyboard.press("Escape")
        plan.keyboard.press("Shift+A")
        expect(plan.get_by_text("Plan approved")).to_be_visible()
        expect(picker(plan, "Permissions")).to_have_text("Accept edits", timeout=TURN_MS)

    def test_keeps_what_was_decided_when_the_server_cannot_take_it(self, visit: Visit) -> None:
        alice = visit()
        page = alice.open(session_path(alice.session(alice.project(), script(bash("touch x"), [{"text": "so be it"}]))))
        ready_card(page)
        refused = {"error": "system_error", "message": "Out of order.", "details": [], "request_id": "r-1"}
        page.route("**/approve", lambda route: route.fulfill(status=500, json=refused))
        card(page).get_by_role("button", name="Deny…").click()
        page.get_by_label("What should the agent do instead?").fill("not like this")
        card(page).get_by_role("button", name="Deny", exact=True).click()
        expect(card(page).get_by_role("alert")).to_contain_text("Out of order.")
        expect(page.get_by_label("What should the agent do instead?")).to_have_value("not like this")

        page.unroute("**/approve")
        card(page).get_by_role("button", name="Deny", exact=True).click()

        expect(page.get_by_text("“not like this”")).to_be_visible()
        alice.watch.forgive("status of 500")

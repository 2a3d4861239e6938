"""Several questions at once, fingers, the keyboard alone, and the one stream of all tabs."""

from __future__ import annotations

import base64
import json
import re
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.journeys.browsing import TURN_MS, Visitor, bash, script, session_path
from tests.journeys.conftest import Shoot, Visit
from tests.journeys.curl import wait_for
from tests.journeys.test_browser_keyboard import NO_MOUSE, reach

pytestmark = [pytest.mark.browser, pytest.mark.cli, pytest.mark.timeout(180)]

LONG_PRESS_MS = 800
PARTS = ("one", "two", "three")


def sealed(*steps: list[dict[str, Any]]) -> str:
    """A script in which, or within which, others are."""
    return f"<<<b64:{base64.b64encode(json.dumps(steps).encode()).decode()}>>>"


def sub_agent(name: str) -> dict[str, Any]:
    prompt = sealed(bash(f"touch {name}.txt"), [{"text": f"made {name}"}])
    given = {"description": f"part {name}", "prompt": prompt, "subagent_type": "general-purpose"}
    return {"tool": "Agent", "input": {**given, "run_in_background": False}}


def card(page: Page) -> Locator:
    return page.locator("section.permission")


def settled(page: Page) -> Locator:
    """Past the moment in which nothing counts, since it was meant for the question before."""
    ready = page.locator("section.permission:not(.is-settling):not(.is-busy)")
    expect(ready).to_be_visible(timeout=TURN_MS)
    return ready


def all_wait(alice: Visitor, session: dict[str, Any]) -> None:
    wait_for(lambda: len(alice.read(session)["pending_permissions"]) == len(PARTS), 60)


class TestSeveralQuestionsAtOnce:
    @pytest.mark.parametrize("size", ["desktop", "phone"])
    def test_are_seen_one_by_one_and_answered_for_good_for_one_or_for_all(
        self, visit: Visit, shoot: Shoot, size: str
    ) -> None:
        alice = visit(size=size)
        asked = sealed([sub_agent(name) for name in PARTS], [{"text": "all made"}])
        session = alice.session(alice.project(), asked)
        all_wait(alice, session)
        page = alice.open(session_path(session))
        expect(settled(page).get_by_text("1 of 3", exact=True)).to_be_visible()
        seen = {self.asker(page)}
        for number in (2, 3):
            if size == "desktop":
                page.keyboard.press("Escape")
                page.keyboard.press("ArrowRight")
            else:
                card(page).get_by_label("Next question").tap()
            expect(settled(page).get_by_text(f"{number} of 3", exact=True)).to_be_visible()
            seen.add(self.asker(page))
        assert seen == {f"part {name}" for name in PARTS}
        shoot(page, "several")

        # For good: exactly what would hold is shown, and nothing holds before it is said.
        name = self.asker(page).removeprefix("part ")
        self.press(card(page).get_by_role("button", name="Always allow…"), size)
        rule = card(page).locator("code.rule")
        expect(rule).to_have_text(re.compile(rf"^Bash\(touch (?:{name}\.txt|\*|:\*)\)$"))
        kept = rule.inner_text()
        shoot(page, "several-always")
        self.press(card(page).get_by_role("button", name=re.compile("^Always allow th")), size)
        expect(page.locator(".decision .rule")).to_have_text(kept)
        rules = alice.person.call("GET", f"/api/sessions/{session['id']}/rules")["items"]
        assert [one["rule"] for one in rules] == [kept]

        self.answer_the_rest(page, size, shoot)
        expect(page.get_by_text("all made", exact=True)).to_be_visible(timeout=TURN_MS)
        assert alice.read(session)["pending_permissions"] == []

    def answer_the_rest(self, page: Page, size: str, shoot: Shoot) -> None:
        """Those that wait still: all of them are listed before all of them are allowed."""
        settled(page)
        self.press(card(page).get_by_role("button", name=re.compile("Allow all 2")), size)
        listed = card(page).locator(".permission-list > li")
        expect(listed).to_have_count(2)
        shoot(page, "several-all")
        self.press(card(page).get_by_role("button", name="Allow all 2 once"), size)

    def asker(self, page: Page) -> str:
        found = re.search("“(part \\w+)”", card(page).locator(".permission-asker").inner_text())
        assert found
        return found[1]

    def press(self, button: Locator, size: str) -> None:
        expect(button).to_be_enabled()
        button.tap() if size == "phone" else button.click()


class TestFingers:
    def test_swipe_the_drawer_and_hold_a_row_for_its_menu_or_to_move_it(self, visit: Visit, shoot: Shoot) -> None:
        alice = visit(size="phone")
        project = alice.project()
        for name in ("one", "two"):
            alice.session(project, name=name)
        session = alice.session(project, name="held")
        page = alice.open(session_path(session))
        expect(page.get_by_label("Message to the agent")).to_be_enabled()
        sidebar = page.locator(".sidebar")

        wait_for(lambda: self.opens(page), 20)  # while its page is still at work, a browser takes a touch back
        expect(sidebar.get_by_role("treeitem", name=re.compile("held"))).to_be_in_viewport()
        self.orders(page, shoot)
        self.hold(page, self.middle(page, "held"))
        menu = page.get_by_role("menu")
        expect(menu).to_be_visible()
        shoot(page, "held")
        menu.get_by_role("menuitem", name=re.compile("^Pin")).tap()
        wait_for(lambda: self.is_pinned(alice, session), 10)

        self.swipe(page, (300, 600), (60, 590))
        expect(sidebar.get_by_role("link", name="held")).not_to_be_in_viewport()
        # A swipe that is not from the edge is the page's own.
        self.swipe(page, (150, 400), (350, 400))
        expect(sidebar.get_by_role("link", name="held")).not_to_be_in_viewport()

    def orders(self, page: Page, shoot: Shoot) -> None:
        """By a finger that takes the row along, and in the row's menu."""
        shown = page.locator(".tree-row.session .cut")
        expect(shown).to_have_text(["held", "two", "one"])
        (x, y), (_, end) = self.middle(page, "held"), self.middle(page, "one")
        way = [(x, y + (end - 10 - y) * part / 4) for part in range(1, 5)]
        self.touch(page, ("touchStart", (x, y)), *(("touchMove", at) for at in way), pause_ms=LONG_PRESS_MS)
        expect(shown).to_have_text(["two", "held", "one"])
        expect(page.get_by_role("menu")).to_have_count(0)
        shoot(page, "ordered")

        self.hold(page, self.middle(page, "held"))
        page.get_by_role("menuitem", name="Move up").tap()
        expect(shown).to_have_text(["held", "two", "one"])
        assert page.evaluate("document.body.classList.contains('drawer-is-open')")

    def middle(self, page: Page, name: str) -> tuple[float, float]:
        box = page.locator(".sidebar").get_by_role("link", name=name).bounding_box()
        assert box
        return box["x"] + 40, box["y"] + box["height"] / 2

    def opens(self, page: Page) -> bool:
        self.swipe(page, (5, 400), (240, 410))
        return bool(page.evaluate("document.body.classList.contains('drawer-is-open')"))

    def is_pinned(self, alice: Visitor, session: dict[str, Any]) -> bool:
        marks = alice.person.call("GET", f"/api/orgs/{alice.organization_id}/tree")["marks"]
        return any(mark["session_id"] == session["id"] and mark["is_pinned"] for mark in marks)

    def swipe(self, page: Page, start: tuple[float, float], end: tuple[float, float]) -> None:
        (x, y), (to_x, to_y) = start, end
        steps = [(x + (to_x - x) * part / 5, y + (to_y - y) * part / 5) for part in range(1, 6)]
        self.touch(page, ("touchStart", start), *(("touchMove", at) for at in steps))
        page.wait_for_timeout(300)

    def hold(self, page: Page, at: tuple[float, float]) -> None:
        self.touch(page, ("touchStart", at), pause_ms=LONG_PRESS_MS)

    def touch(self, page: Page, *moves: tuple[str, tuple[float, float]], pause_ms: int = 0) -> None:
        """One finger, as the browser itself gets it, that rests for a while before it moves, until it is lifted."""
        debugger = page.context.new_cdp_session(page)
        for kind, (x, y) in moves:
            debugger.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [{"x": x, "y": y}]})
            page.wait_for_timeout(pause_ms if kind == "touchStart" else 0)
        debugger.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
        debugger.detach()


@pytest.mark.undisturbed("counts the streams of a browser, which begin anew when a server dies")
class TestTheOneStreamOfAllTabs:
    def test_is_taken_over_when_its_tab_is_closed_and_nothing_is_missed(self, visit: Visit) -> None:
        alice = visit()
        project = alice.project()
        session = alice.session(project, name="first")
        streams: list[Page] = []
        tabs = [alice.context.new_page() for _ in range(3)]
        for tab in tabs:
            self.note_streams(tab, streams)
            tab.goto(alice.server.url + session_path(session))
            expect(self.row(tab, "first")).to_be_visible()
        wait_for(lambda: len(streams) == 1, 10)

        leader = streams[0]
        leader.close()
        alice.person.call("PATCH", f"/api/sessions/{session['id']}", {"name": "renamed meanwhile"})
        rest = [tab for tab in tabs if tab is not leader]
        for tab in rest:
            expect(self.row(tab, "renamed meanwhile")).to_be_visible()
        assert len(streams) == 2
        assert streams[1] in rest

        alice.session(project, name="second")
        for tab in rest:
            expect(self.row(tab, "second")).to_be_visible()
        assert len(streams) == 2, "one stream for all tabs"

    def note_streams(self, tab: Page, streams: list[Page]) -> None:
        tab.on("request", lambda request: streams.append(tab) if "/activity" in request.url else None)

    def row(self, page: Page, name: str) -> Locator:
        return page.get_by_role("treeitem", name=re.compile(f"^{name}"))


@pytest.mark.undisturbed("goes through a page by the keyboard, which begins anew when it is loaded again")
class TestTheKeyboardAlone:
    def test_allows_restores_and_takes_that_back(self, visit: Visit, shoot: Shoot) -> None:
        alice = visit()
        alice.context.add_init_script(NO_MOUSE)
        session = alice.session(alice.project(), script(bash("touch kept.txt"), [{"text": "first done"}]))
        page = alice.open(session_path(session))
        settled(page)
        page.keyboard.press("Escape")
        page.keyboard.press("d")
        expect(page.get_by_label("What should the agent do instead?")).to_be_focused()
        page.keyboard.press("Escape")  # not after all
        expect(card(page).get_by_role("button", name="Allow once")).to_be_focused()
        page.keyboard.press("a")
        expect(page.get_by_text("first done", exact=True)).to_be_visible(timeout=TURN_MS)
        alice.wait_until_idle(session)

        page.keyboard.press("i")
        expect(page.get_by_label("Message to the agent")).to_be_focused()
        page.keyboard.insert_text(script(bash("touch later.txt"), [{"text": "second done"}]))
        page.keyboard.press("Enter")
        settled(page)
        page.keyboard.press("Escape")
        page.keyboard.press("a")
        expect(page.get_by_text("second done", exact=True)).to_be_visible(timeout=TURN_MS)
        alice.wait_until_idle(session)
        expect(page.locator(".turn-footer")).to_have_count(2)

        page.keyboard.press("Escape")
        for _ in range(2):  # the last turn's own comes first, going backwards
            reach(page, "restore to here", "Shift+Tab")
            if page.locator(".turn-footer").first.evaluate("one => one.contains(document.activeElement)"):
                break
            page.keyboard.press("Shift+Tab")
        page.keyboard.press("Enter")
        dialog = page.get_by_role("dialog", name="Restore the files to the end of this turn?")
        expect(dialog.get_by_text("later.txt")).to_be_visible()
        shoot(page, "restore-by-keys")
        reach(page, "^restore$")
        page.keyboard.press("Enter")
        expect(page.locator(".restored")).to_contain_text("restored 1 file to an earlier state", timeout=TURN_MS)
        reach(page, "^undo$")
        page.keyboard.press("Enter")
        expect(page.locator(".restored")).to_have_count(2, timeout=TURN_MS)

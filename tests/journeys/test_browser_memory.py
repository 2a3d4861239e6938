"""What a long day in one tab leaves behind: no listener, timer or page that is of no use any more."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.journeys import logs
from tests.journeys.browsing import TURN_MS, session_path
from tests.journeys.conftest import Visit
from tests.journeys.curl import wait_for

pytestmark = [
    pytest.mark.browser,
    pytest.mark.cli,
    pytest.mark.timeout(180),
    pytest.mark.undisturbed("counts what a page holds while its connection stays"),
]

ROUNDS = 20
MOST_SHOWN = 200
PARTS, PART_TURNS = 4, 125  # that come in while the page is open: ten thousand events in all
ROW_NODES, ROW_LISTENERS = 60, 4
KEPT_MB = 1  # that the engine may keep for itself between two looks; ten thousand events are several
# Counts what is registered at the page's own objects, and the timers that run.
COUNTED = """(() => {
    const counts = (window.counts = { listeners: 0, timers: new Set() });
    for (const target of [window, document]) {
        const { addEventListener: add, removeEventListener: remove } = target;
        target.addEventListener = function (...given) { counts.listeners += 1; return add.apply(this, given); };
        target.removeEventListener = function (...given) { counts.listeners -= 1; return remove.apply(this, given); };
    }
    const { setInterval, clearInterval } = window;
    window.setInterval = (...given) => { const id = setInterval(...given); counts.timers.add(id); return id; };
    window.clearInterval = (id) => { counts.timers.delete(id); clearInterval(id); };
})();"""
LOADED = "['slw-palette', 'slw-key-list', 'slw-manage', 'slw-new-session'].every((name) => customElements.get(name))"
SETTLED_MS = 300
HELD = "({ listeners: counts.listeners, timers: counts.timers.size })"


def held(page: Page) -> dict[str, int]:
    """What the page holds once the scripts have come that it loads when it has nothing else to do."""
    wait_for(lambda: page.evaluate(LOADED))
    page.wait_for_timeout(SETTLED_MS)
    return dict(page.evaluate(HELD))


def used(page: Page) -> dict[str, float]:
    """Chromium's own figures, after it has thrown away what it can."""
    debugger = page.context.new_cdp_session(page)
    debugger.send("Performance.enable")
    for _ in range(3):
        debugger.send("HeapProfiler.collectGarbage")
    figures = debugger.send("Performance.getMetrics")["metrics"]
    debugger.detach()
    return {one["name"]: one["value"] for one in figures}


class TestATab:
    def test_that_goes_through_ten_sessions_holds_no_more_than_one(self, visit: Visit) -> None:
        alice = visit()
        alice.context.add_init_script(COUNTED)
        project = alice.project()
        sessions = [alice.session(project, name=f"session-{number}") for number in range(10)]
        page = alice.open(session_path(sessions[0]))
        first, documents = self.look(page), used(page)["Documents"]

        for session in [*sessions[1:], sessions[0]]:
            page.locator(f".tree a[href='{session_path(session)}']").click()
            expect(page.locator(f"slw-session[session-id='{session['id']}']")).to_be_visible()
            assert self.look(page) == first

        assert used(page)["Documents"] <= documents + 1

    def look(self, page: Page) -> dict[str, int]:
        expect(page.get_by_role("heading", name="Tell the agent what to build")).to_be_visible()
        return held(page)

    def test_into_which_ten_thousand_events_come_holds_no_more_than_after_the_first(self, visit: Visit) -> None:
        alice = visit()
        alice.context.add_init_script(COUNTED)
        project = alice.project()
        short = alice.session(project, name="short")
        logs.write(alice.server, short, logs.turns(1))
        few = held(self.shows(alice.open(session_path(short)), 1))
        session = alice.session(project, name="long")
        logs.write(alice.server, session, logs.turns(PART_TURNS))
        page = self.shows(alice.open(session_path(session)), PART_TURNS)
        page.wait_for_timeout(SETTLED_MS)

        looks = []
        for part in range(1, PARTS + 1):
            logs.write(alice.server, session, logs.turns(PART_TURNS, since=1 + part * PART_TURNS))
            # A name's news tells the page that it missed something.
            alice.person.call("PATCH", f"/api/sessions/{session['id']}", {"name": f"long-{part}"})
            self.shows(page, (part + 1) * PART_TURNS)
            page.wait_for_timeout(SETTLED_MS)
            looks.append(used(page))
            assert page.locator(".entry").count() < MOST_SHOWN

        assert held(page) == few
        self.grew_by_no_more_than_a_row(looks[0], looks[-1])

        # Nor does what a person does for a while add up.
        before = used(page)
        for _ in range(ROUNDS):
            page.evaluate("dispatchEvent(new Event('online'))")
            page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
            page.locator(".tool > summary").last.click()
            page.wait_for_timeout(50)
        page.wait_for_timeout(SETTLED_MS)
        after = used(page)
        assert held(page) == few
        self.grew_by_no_more_than_a_row(before, after)

    def grew_by_no_more_than_a_row(self, before: dict[str, float], after: dict[str, float]) -> None:
        """How many rows are near enough to be in the page differs by one or two; each event, or round, would add up."""
        assert after["Nodes"] <= before["Nodes"] + 2 * ROW_NODES
        assert after["JSEventListeners"] <= before["JSEventListeners"] + 2 * ROW_LISTENERS
        assert after["JSHeapUsedSize"] < before["JSHeapUsedSize"] + KEPT_MB * 2**20

    def shows(self, page: Page, number: int) -> Page:
        """The answer of this turn is there."""
        expect(page.locator(".entry").get_by_text(f"Answer {number}", exact=True)).to_be_visible(timeout=TURN_MS)
        return page

    def test_drops_all_that_it_held_for_a_session_that_leaves_the_page(self, visit: Visit) -> None:
        alice = visit()
        alice.context.add_init_script(COUNTED)
        page = alice.open(session_path(alice.session(alice.project(), name="left")))
        expect(page.get_by_role("heading", name="Tell the agent what to build")).to_be_visible()
        page.evaluate("window.left = document.querySelector('slw-session')")
        page.evaluate("left.remove()")
        without = held(page)

        for _ in range(10):
            page.evaluate("document.querySelector('main').append(left)")
            expect(page.get_by_label("Message to the agent")).to_be_enabled()
            page.evaluate("left.remove()")

        assert held(page) == without

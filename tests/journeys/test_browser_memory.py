"""What a long day in one tab leaves behind: no listener, timer or page that is of no use any more."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.journeys.browsing import TURN_MS, Visitor, session_path
from tests.journeys.conftest import Visit
from tests.journeys.curl import wait_for

pytestmark = [
    pytest.mark.browser,
    pytest.mark.cli,
    pytest.mark.timeout(180),
    pytest.mark.undisturbed("counts what a page holds while its connection stays"),
]

EVENTS = 2000
MOST_SHOWN = 200
ROUNDS = 40
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
FILL = """
from django.utils import timezone
from sessions.models import AgentSession, Event
session = AgentSession.objects.get(pk="{id}")
def entry(seq):
    call = f"call-{{seq - seq % 2}}"
    if seq % 2:
        payload = dict(call_id=call, is_error=False, text="x" * 200, is_truncated=False, images=[], patch=None)
        return "tool.result", payload
    return "tool.call", dict(call_id=call, parent=None, name="Bash", input=dict(command=f"echo {{seq}}"))
def row(seq):
    kind, payload = entry(seq)
    return Event(session=session, organization_id=session.organization_id, seq=seq, kind=kind, payload=payload,
                 created_at=timezone.now())
AgentSession.objects.filter(pk=session.pk).update(last_seq={last})
Event.objects.bulk_create([row(seq) for seq in range(session.last_seq + 1, {last} + 1)])
"""


def fill(visitor: Visitor, session: dict[str, Any], events: int = EVENTS) -> None:
    """A long log, written by an operator, since agents would take an hour."""
    visitor.server.manage("shell", "--command", FILL.format(id=session["id"], last=events))


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

    def test_with_two_thousand_events_holds_no_more_listeners_and_timers_than_with_a_few(self, visit: Visit) -> None:
        alice = visit()
        alice.context.add_init_script(COUNTED)
        project = alice.project()
        short = alice.session(project, name="short")
        fill(alice, short, 6)
        few = alice.open(session_path(short))
        expect(few.locator("slw-tool").last).to_be_visible(timeout=TURN_MS)
        session = alice.session(project, name="long")
        fill(alice, session)

        page = alice.open(session_path(session))
        expect(page.locator("slw-tool").last).to_be_visible(timeout=TURN_MS)
        assert page.locator("slw-tool").count() < MOST_SHOWN

        assert held(page) == held(few)
        before = used(page)
        for _ in range(ROUNDS):
            page.evaluate("dispatchEvent(new Event('online'))")
            page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
            page.locator(".tool > summary").last.click()
            page.wait_for_timeout(50)
        after = used(page)
        assert held(page) == held(few)
        assert after["JSEventListeners"] <= before["JSEventListeners"] + ROUNDS // 2  # a few rows more or less
        assert after["JSHeapUsedSize"] < before["JSHeapUsedSize"] + 4 * 2**20

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

"""Whoever looks elsewhere is told, once, that a session waits or ends; the title and the icon count what waits."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.journeys.browsing import TURN_MS, Visitor, bash, script, session_path
from tests.journeys.conftest import AT_BOTH_SIZES, Shoot, Visit
from tests.journeys.curl import wait_for

pytestmark = [pytest.mark.browser, pytest.mark.cli, pytest.mark.timeout(120)]

# The browser's own part: what it would show is written down, for all tabs in one place; and whether somebody looks.
EDGE = """
(() => {
    class Shown {
        static get permission() { return localStorage.permission ?? "granted"; }
        static async requestPermission() { return (localStorage.permission = localStorage.answer ?? "granted"); }
        constructor(title, { body, tag }) {
            const all = JSON.parse(localStorage.shown ?? "[]");
            localStorage.shown = JSON.stringify([...all, { title, body, tag }]);
            window.lastShown = this;
        }
        close() {}
    }
    window.Notification = Shown;
    Object.defineProperty(Document.prototype, "visibilityState", { get: () => (window.isAway ? "hidden" : "visible") });
})();
"""


def look_away(page: Page, is_away: bool = True) -> None:
    page.evaluate(
        "is => { window.isAway = is; document.dispatchEvent(new Event('visibilitychange')); }",
        is_away,
    )


def shown(page: Page) -> list[dict[str, Any]]:
    return list(json.loads(page.evaluate("localStorage.shown ?? '[]'")))


def bodies(page: Page) -> list[str]:
    return [one["body"] for one in shown(page)]


@pytest.fixture
def alice(request: pytest.FixtureRequest, visit: Visit) -> Visitor:
    someone = visit(size=getattr(request, "param", "desktop"))
    someone.context.add_init_script(EDGE)
    return someone


def prefer(alice: Visitor, **fields: Any) -> None:
    alice.person.call("PATCH", "/api/me/preferences", fields)


def opened(context: BrowserContext, alice: Visitor, count: int) -> list[Page]:
    """As many tabs, all of which know the sessions that there are."""
    pages = [alice.open("/", context) for _ in range(count)]
    for page in pages:
        expect(page.locator("slw-sidebar .tree")).to_be_attached()
    return pages


class TestASessionThatWaits:
    @AT_BOTH_SIZES
    def test_is_counted_and_told_of_once_for_all_tabs_and_again_when_it_ends(
        self, alice: Visitor, shoot: Shoot
    ) -> None:
        prefer(alice, notifications="ON")
        project = alice.project()
        one, other = opened(alice.context, alice, 2)
        for page in (one, other):
            look_away(page)

        session = alice.session(project, script(bash("touch now.txt"), [{"text": "Done."}]))
        asked = alice.wait_until_asked(session)
        for page in (one, other):
            expect(page).to_have_title(re.compile(r"^\(1\) "), timeout=TURN_MS)
            assert "favicon-waiting" in page.evaluate("document.querySelector('link[rel=icon]').href")
        wait_for(lambda: bodies(one) == ["Waits for you: the agent asks something."], 10)
        assert shown(one)[0]["title"] == "feature · sample"
        shoot(one, "attention")

        answer = {"permission_id": asked["id"], "decision": "allow"}
        alice.person.call("POST", f"/api/sessions/{session['id']}/approve", answer)
        wait_for(lambda: bodies(one)[1:] == ["The turn is over."], 30)
        for page in (one, other):
            expect(page).not_to_have_title(re.compile(r"^\("))

        teller = one if one.evaluate("'lastShown' in window") else other
        teller.evaluate("window.lastShown.onclick()")
        teller.wait_for_url(f"**{session_path(session)}")
        assert len(shown(one)) == 2

    def test_is_not_told_of_to_somebody_who_looks_nor_counted_while_it_is_looked_at(self, alice: Visitor) -> None:
        prefer(alice, notifications="ON")
        project = alice.project()
        away, looking = opened(alice.context, alice, 2)
        look_away(away)

        session = alice.session(project, script(bash("touch now.txt")))
        alice.wait_until_asked(session)
        expect(looking).to_have_title(re.compile(r"^\(1\) "), timeout=TURN_MS)
        page = alice.open(session_path(session))
        expect(page.locator(".permission")).to_be_visible(timeout=TURN_MS)

        expect(page).not_to_have_title(re.compile(r"^\("))
        assert shown(away) == []

    def test_is_told_of_only_as_the_person_wants_it(self, alice: Visitor) -> None:
        prefer(alice, notifications="ON", notify_waiting=False)
        project = alice.project()
        (page,) = opened(alice.context, alice, 1)
        look_away(page)

        session = alice.session(project, script(bash("touch now.txt")))
        asked = alice.wait_until_asked(session)
        expect(page).to_have_title(re.compile(r"^\(1\) "), timeout=TURN_MS)
        answer = {"permission_id": asked["id"], "decision": "deny"}
        alice.person.call("POST", f"/api/sessions/{session['id']}/approve", answer)

        wait_for(lambda: bodies(page) == ["The turn is over."], 30)


class TestTheOffer:
    def go_away_for_long(self, alice: Visitor) -> Page:
        project = alice.project()
        page = alice.context.new_page()
        page.clock.install()
        page.goto(alice.server.url)
        page.evaluate("localStorage.permission = 'default'")
        expect(page.locator("slw-sidebar .tree")).to_be_attached()
        look_away(page)
        alice.wait_until_asked(alice.session(project, script(bash("touch now.txt"))))
        expect(page).to_have_title(re.compile(r"^\(1\) "), timeout=TURN_MS)
        page.clock.fast_forward(21_000)
        look_away(page, False)
        return page

    @AT_BOTH_SIZES
    def test_comes_when_it_would_have_been_of_use_and_turns_them_on_by_a_click(
        self, alice: Visitor, shoot: Shoot
    ) -> None:
        page = self.go_away_for_long(alice)
        offer = page.get_by_role("region", name="Notifications", exact=True)
        expect(offer).to_be_visible()
        shoot(page, "offer")

        offer.get_by_role("button", name="Turn on").click()

        expect(offer).to_have_count(0)
        wait_for(lambda: alice.person.call("GET", "/api/me/preferences")["notifications"] == "ON", 10)

    def test_declined_does_not_come_back(self, alice: Visitor) -> None:
        page = self.go_away_for_long(alice)
        offer = page.get_by_role("region", name="Notifications", exact=True)
        offer.get_by_role("button", name="Not now").click()
        wait_for(lambda: alice.person.call("GET", "/api/me/preferences")["notifications"] == "OFF", 10)

        look_away(page)
        page.clock.fast_forward(21_000)
        look_away(page, False)

        expect(offer).to_have_count(0)

"""The first minute: from sign-up to a finished turn, led by the hand, on a desk and on a phone."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.journeys.browsing import TURN_MS, Visitor, as_newcomer, go
from tests.journeys.conftest import Shoot, Stranger, Visit
from tests.journeys.curl import wait_for
from tests.journeys.person import PASSWORD
from tests.journeys.server import Server

pytestmark = [pytest.mark.browser, pytest.mark.cli, pytest.mark.timeout(180)]

TOUR = "A first look round"


def sign_up(page: Page, url: str, email: str) -> None:
    go(page, f"{url}/accounts/signup/")
    page.get_by_label(re.compile("e-?mail", re.I)).fill(email)
    page.locator("input[type=password]").fill(PASSWORD)
    page.get_by_role("button", name="Create account").click()
    page.get_by_label(re.compile("code", re.I)).first.fill(page.locator("#debug-code").inner_text())
    page.get_by_role("button", name="Confirm").click()
    expect(page.get_by_role("heading", name="Let an agent build something")).to_be_visible()


# Whatever lies over a button of the card or the card itself, and whether what lies below its edge is told.
UNSEEN = """() => {
  const card = document.querySelector(".permission"), body = card.querySelector(".permission-body");
  const tour = document.querySelector(".tour").getBoundingClientRect(), box = card.getBoundingClientRect();
  const at = ({left, right, top, bottom}) => document.elementFromPoint((left + right) / 2, (top + bottom) / 2);
  const buttons = [...card.querySelectorAll("header button, footer button")];
  const covered = buttons.filter((one) => !one.contains(at(one.getBoundingClientRect()))).map((one) => one.textContent);
  if (tour.bottom > box.top && tour.top < box.bottom) covered.push("the card, by the tour");
  const isCut = body.scrollHeight - body.clientHeight - body.scrollTop > 8;
  const sign = body.querySelector(".permission-below:not(.is-none)")?.textContent ?? "";
  return {covered, isCut, isTold: /more line/.test(sign)};
}"""
SEEN = {"covered": [], "isCut": False, "isTold": False}


def allow_until(page: Page, tour_says: str) -> int:
    """Answer what is asked, as the tour says, until it says something else; how many questions."""
    tour = page.get_by_role("region", name=TOUR)
    allow = page.get_by_role("button", name=re.compile("^Allow once"))
    for count in range(9):
        expect(tour.get_by_text(tour_says).or_(allow).first).to_be_visible(timeout=TURN_MS)
        if tour.get_by_text(tour_says).is_visible():
            return count
        expect(tour.get_by_text("The agent asks before it acts")).to_be_visible()
        asked = page.locator(".permission").inner_text()
        wait_for(lambda: page.evaluate(UNSEEN) in (SEEN, {**SEEN, "isCut": True, "isTold": True}), 5)
        allow.click()
        expect(page.locator(".permission").filter(has_text=asked.splitlines()[-1])).to_have_count(0)
    raise AssertionError("it goes on asking")


class TestANewcomer:
    @pytest.mark.parametrize("size", ["desktop", "phone"])
    def test_has_finished_a_turn_by_pressing_what_stands_out(
        self, size: str, stranger: Stranger, server: Server, shoot: Shoot
    ) -> None:
        page = stranger(size)
        as_newcomer(page, f"first-{size}@example.com", lambda email: sign_up(page, server.url, email))
        shoot(page, "first-run")

        page.locator("main .button.primary", has_text="Try it now").click()
        page.wait_for_url(re.compile(r"/sessions/.*\?tour"))
        expect(page.get_by_text("This is the agent at work")).to_be_visible()
        if size == "phone":
            page.set_viewport_size({"width": 360, "height": 640})
        shoot(page, "first-watch")
        assert allow_until(page, "The turn is over") > 0
        shoot(page, "first-changes")
        expect(page.get_by_text("The tests passed").first).to_be_attached()

        if size == "phone":  # by the bar that the card stands above, as well as by the card
            page.get_by_role("navigation", name="Panes").get_by_role("button", name=re.compile("^Changes")).click()
        else:
            page.get_by_role("button", name="Got it").click()
        expect(page.get_by_text("Your first turn is done")).to_be_visible()
        expect(page.get_by_role("region", name="Changes").get_by_text("wordcount.py").first).to_be_visible()
        shoot(page, "first-done")
        if size == "phone":
            page.get_by_role("button", name="Got it").click()
        else:
            page.get_by_label("Message to the agent").fill("thanks")
            page.keyboard.press("Enter")
        expect(page.get_by_role("region", name=TOUR)).to_have_count(0)
        assert "tour" not in page.url


class TestTheFirstRun:
    def test_takes_a_suggestion_or_ones_own_words_by_keyboard(self, visit: Visit) -> None:
        alice = visit()
        page = alice.open("/")
        prompt = page.locator("main").get_by_label("What should the agent do?")
        expect(prompt).to_have_value(re.compile("^Run the tests"))

        page.get_by_role("button", name="Make a plan first").click()
        expect(prompt).to_have_value(re.compile("^Make a plan"))
        prompt.fill("hello")
        prompt.press("Control+Enter")

        page.wait_for_url(re.compile(r"/sessions/.*\?tour"))
        (session,) = alice.person.call("GET", "/api/sessions")["items"]
        assert session["name"] == "hello"

    def test_skipped_never_comes_back(self, visit: Visit) -> None:
        alice = visit(size="phone")
        page = alice.open("/")
        page.get_by_role("button", name="Try it now").click()
        page.get_by_role("region", name=TOUR).get_by_role("button", name="Skip tour").click()

        expect(page.get_by_role("region", name=TOUR)).to_have_count(0)
        page.wait_for_timeout(300)
        go(page, f"{page.url}?tour")
        expect(page.locator("slw-session .dock")).to_be_visible()
        expect(page.get_by_role("region", name=TOUR)).to_have_count(0)

    def test_works_without_scripts(self, visit: Visit) -> None:
        alice: Visitor = visit()
        page = alice.open("/", alice.device(java_script_enabled=False))

        page.get_by_role("button", name="Try it now").click()

        page.wait_for_url(re.compile(r"/sessions/.*\?tour"))
        assert len(alice.person.call("GET", "/api/sessions")["items"]) == 1

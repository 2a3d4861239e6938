"""Messages that wait for the agent: changed, removed, brought back, sent at once, and told their place."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.journeys.browsing import TURN_MS, Visitor, bash, script, session_path
from tests.journeys.conftest import Shoot, Visit
from tests.journeys.operating import limit_turns

pytestmark = [pytest.mark.browser, pytest.mark.cli, pytest.mark.timeout(180)]

FREE = {"permission_mode": "bypassPermissions"}
SLOW = script([{"text": "one two three"}, *bash("tail -f /dev/null")])  # until it is interrupted


def queue(page: Page) -> Locator:
    return page.get_by_role("region", name="Messages that wait")


def waiting(page: Page, text: str) -> Locator:
    return queue(page).get_by_role("listitem").filter(has_text=text)


def say(page: Page, text: str) -> None:
    page.get_by_label("Message to the agent").fill(text)
    page.keyboard.press("Enter")


@pytest.fixture
def busy(visit: Visit) -> Callable[..., tuple[Visitor, Page]]:
    """Alice at a session whose agent talks for a while."""

    def begin(**more: str) -> tuple[Visitor, Page]:
        alice = visit(**more)
        page = alice.open(session_path(alice.session(alice.project(), SLOW, **FREE)))
        expect(page.locator(".prose").get_by_text("one two three")).to_be_visible(timeout=TURN_MS)
        return alice, page

    return begin


Busy = Callable[..., tuple[Visitor, Page]]


class TestAMessageThatWaits:
    def test_is_edited_in_place_and_said_as_it_was_last(self, busy: Busy) -> None:
        _, page = busy()
        say(page, "say hello")
        expect(queue(page)).to_contain_text("1 message queued, sent after this turn")

        waiting(page, "say hello").get_by_role("button", name="Edit").click()
        page.get_by_label("Edit the message").fill(script([{"text": "edited and done"}]))
        page.keyboard.press("Enter")
        expect(waiting(page, "edited and done")).to_contain_text("edited")
        page.get_by_role("button", name="Interrupt").click()

        expect(page.locator(".prose").get_by_text("edited and done", exact=True)).to_be_visible(timeout=TURN_MS)
        expect(queue(page)).to_be_hidden()
        expect(page.get_by_text("say hello", exact=True)).to_have_count(0)

    def test_is_removed_and_brought_back(self, busy: Busy) -> None:
        _, page = busy()
        say(page, "first thing")
        say(page, "second thing")
        expect(queue(page).get_by_text("2 messages queued")).to_be_visible()

        waiting(page, "first thing").get_by_role("button", name="Remove").click()
        expect(waiting(page, "first thing")).to_have_count(0)
        expect(page.locator(".withdrawn")).to_contain_text("Removed by")
        page.get_by_role("button", name="Undo").click()

        expect(waiting(page, "first thing")).to_be_visible()
        expect(queue(page).get_by_role("listitem")).to_contain_text(["second thing", "first thing"])

    def test_is_sent_now_before_what_came_earlier(self, busy: Busy) -> None:
        _, page = busy()
        say(page, script([{"text": "the patient one"}]))
        say(page, script([{"text": "the hasty one"}]))

        waiting(page, "hasty").get_by_role("button", name="Send now").click()

        expect(page.locator(".prose").get_by_text("the patient one", exact=True)).to_be_visible(timeout=TURN_MS)
        said = [text for text in page.locator(".prose").all_inner_texts() if text.startswith("the ")]
        assert said == ["the hasty one", "the patient one"]

    def test_is_seen_in_every_tab(self, busy: Busy, shoot: Shoot) -> None:
        alice, page = busy()
        other = alice.open(page.url.removeprefix(alice.server.url))
        say(page, "from the first tab")
        expect(waiting(other, "from the first tab")).to_be_visible()
        shoot(page, "queue")

        waiting(other, "from the first tab").get_by_role("button", name="Remove").click()

        expect(queue(page)).to_be_hidden()

    def test_comes_back_to_the_composer_when_it_was_delivered_while_being_edited(self, busy: Busy) -> None:
        _, page = busy()
        say(page, script([{"text": "as it was"}]))
        waiting(page, "as it was").get_by_role("button", name="Edit").click()
        page.get_by_label("Edit the message").fill("as it should have been")

        page.get_by_role("button", name="Interrupt").click()

        expect(page.get_by_text("The agent has this message already")).to_be_visible(timeout=TURN_MS)
        expect(page.get_by_label("Message to the agent")).to_have_value("as it should have been")

    def test_is_removed_brought_back_and_sent_now_on_a_phone(self, busy: Busy, shoot: Shoot) -> None:
        _, page = busy(size="small", theme="dark")
        patient = script([{"text": "the patient one, which is long enough for more than one line on a small screen"}])
        for text in (patient, script([{"text": "the hasty one"}])):
            page.get_by_label("Message to the agent").fill(text)
            page.locator(".composer .send").tap()
        expect(queue(page).get_by_role("button")).to_contain_text("2 messages queued")
        shoot(page, "queue-folded-dark")
        queue(page).get_by_role("button").tap()
        expect(waiting(page, "patient")).to_be_visible()
        for button in waiting(page, "hasty").get_by_role("button").all():
            box = button.bounding_box()
            assert box
            assert min(box["width"], box["height"]) >= 44
        shoot(page, "queue-dark")
        assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")

        waiting(page, "patient").get_by_role("button", name="Remove").tap()
        expect(waiting(page, "patient")).to_have_count(0)
        undo, area = page.get_by_role("button", name="Undo"), page.get_by_label("Message to the agent")
        place, below = undo.bounding_box(), area.bounding_box()
        assert place
        assert below
        assert place["y"] + place["height"] <= below["y"], "what was done is told over the message"
        shoot(page, "queue-removed-dark")
        undo.tap()
        expect(waiting(page, "patient")).to_be_visible()
        waiting(page, "hasty").get_by_role("button", name="Send now").tap()

        expect(page.locator(".prose").get_by_text("the patient one")).to_be_visible(timeout=TURN_MS)
        said = [text[:9] for text in page.locator(".prose").all_inner_texts() if text.startswith("the ")]
        assert said == ["the hasty", "the patie"]
        expect(queue(page)).to_be_hidden()


class TestWhatCannotBeSent:
    def test_comes_back_with_the_reason(self, visit: Visit) -> None:
        alice = visit()
        page = alice.open(session_path(alice.session(alice.project())))
        area = page.get_by_label("Message to the agent")
        expect(area).to_be_enabled()

        area.evaluate("area => { area.value = 'nul \\u0000 byte'; }")
        area.press("Enter")

        expect(page.locator("slw-composer .note.error")).to_be_visible()
        assert area.evaluate("area => area.value") == "nul \0 byte"
        expect(page.locator(".unsent")).to_have_count(0)
        alice.watch.forgive("status of 4")


class TestAPlaceInTheQueue:
    def test_is_told_and_counts_down_until_the_turn_begins(self, visit: Visit, shoot: Shoot) -> None:
        alice = visit()
        project = alice.project()
        limit_turns(alice.server, alice.organization_id, 1)
        first = alice.open(session_path(alice.session(project, SLOW, name="first", **FREE)))
        expect(first.locator(".prose").get_by_text("one two three")).to_be_visible(timeout=TURN_MS)
        others = [alice.session(project, script([{"text": f"done {name}"}]), name=name) for name in ("second", "third")]
        second, third = (alice.open(session_path(session)) for session in others)

        expect(queue(second).get_by_text("Place 1 in the queue")).to_be_visible()
        expect(queue(third).get_by_text("Place 2 in the queue")).to_be_visible()
        expect(third.get_by_text("Waits until others are through")).to_be_visible()
        shoot(third, "place")
        waiting(second, "done second").get_by_role("button", name="Remove").click()
        expect(queue(third).get_by_text("Place 1 in the queue")).to_be_visible()
        first.get_by_role("button", name="Interrupt").click()

        expect(third.locator(".prose").get_by_text("done third", exact=True)).to_be_visible(timeout=TURN_MS)
        expect(queue(third)).to_be_hidden()

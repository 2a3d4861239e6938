"""What an agent does without being asked just now: background tasks, turns of its own, a shortened conversation."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import expect

from tests.journeys.browsing import TURN_MS, reload, script, session_path
from tests.journeys.conftest import Shoot, Visit

pytestmark = [pytest.mark.browser, pytest.mark.cli, pytest.mark.timeout(180)]

FREE = {"permission_mode": "bypassPermissions"}


def behind(command: str, description: str) -> list[dict[str, Any]]:
    given = {"command": command, "description": description, "run_in_background": True}
    return [{"tool": "Bash", "input": given}]


class TestABackgroundTask:
    def test_is_listed_while_it_runs_and_its_end_begins_a_turn_that_nobody_asked_for(
        self, visit: Visit, shoot: Shoot
    ) -> None:
        alice = visit()
        wait = "until [ -e go.txt ]; do sleep 0.2; done"
        steps = (behind(wait, "Wait for the build"), [{"text": "It runs."}], [{"text": "It has ended."}])
        session = alice.session(alice.project(), script(*steps), **FREE)
        page = alice.open(session_path(session))
        tasks = page.locator("details.background")
        expect(page.get_by_text("It runs.", exact=True)).to_be_visible(timeout=TURN_MS)
        expect(tasks).to_contain_text("1 background task running")
        tasks.locator("summary").click()
        expect(tasks.get_by_role("listitem")).to_have_text("Wait for the build")
        shoot(page, "background")
        reload(page)
        expect(tasks).to_contain_text("1 background task running")
        outcome = page.locator(".tool .outcome").first
        expect(outcome).to_have_text("in background")

        # What waits is let go when this turn is over: else the agent hears of its end in the same turn.
        go = {"tool": "Bash", "input": {"command": "(sleep 5; touch go.txt) > /dev/null 2>&1 &"}}
        page.get_by_label("Message to the agent").fill(script([go], [{"text": "Told it."}]))
        page.keyboard.press("Enter")

        expect(page.get_by_text("Told it.", exact=True)).to_be_visible(timeout=TURN_MS)
        expect(page.get_by_text("The agent went on by itself: a background task ended.")).to_be_visible(timeout=TURN_MS)
        expect(tasks).to_have_count(0)
        expect(outcome).to_contain_text("ok")
        shoot(page, "own-turn")


class TestAShortenedConversation:
    def test_says_so_in_a_line_and_goes_on(self, visit: Visit, shoot: Shoot) -> None:
        alice = visit()
        session = alice.session(alice.project(), script([{"text": "Hello there. " * 60}]), **FREE)
        page = alice.open(session_path(session))
        expect(page.locator(".prose").get_by_text("Hello there.")).to_be_visible(timeout=TURN_MS)
        expect(page.locator(".turn-footer")).to_have_count(1)
        area = page.get_by_label("Message to the agent")

        area.fill("/compact")
        page.keyboard.press("Enter")
        expect(page.get_by_text("Conversation compacted")).to_be_visible(timeout=TURN_MS)
        shoot(page, "compacted")
        area.fill(script([{"text": "still here"}]))
        page.keyboard.press("Enter")

        expect(page.get_by_text("still here", exact=True)).to_be_visible(timeout=TURN_MS)


class TestAModelThatDoesNotAnswer:
    def test_is_one_line_that_says_how_often_it_was_asked(self, visit: Visit, shoot: Shoot) -> None:
        alice = visit()
        overloaded = {"http": 529, "etype": "overloaded_error", "times": 3}
        session = alice.session(alice.project(), script([overloaded, {"text": "the end"}]), **FREE)
        page = alice.open(session_path(session))

        expect(page.locator(".working")).to_contain_text("The model was overloaded. Retrying", timeout=TURN_MS)
        expect(page.locator(".is-retried")).to_have_count(0)
        expect(page.get_by_text("the end", exact=True)).to_be_visible(timeout=TURN_MS)
        shoot(page, "retried")
        expect(page.locator(".is-retried")).to_have_text("Retried 3 times: the model was overloaded")
        page.locator(".is-retried summary").click()
        expect(page.locator(".is-retried pre")).to_contain_text("529 overloaded")

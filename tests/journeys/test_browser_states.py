"""What a session's page can show passes axe-core: the queue, menus, dialogs, failures; and the operator's page does."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.journeys.browsing import TURN_MS, bash, script, session_path
from tests.journeys.conftest import Shoot
from tests.journeys.looking import Screens, is_phone
from tests.journeys.operating import make_staff
from tests.journeys.test_browser_accessibility import screens
from tests.journeys.test_browser_images import paste, png

__all__ = ["screens"]

pytestmark = [pytest.mark.browser, pytest.mark.cli, pytest.mark.timeout(240)]

FREE = {"permission_mode": "bypassPermissions"}
SLOW = script([{"text": "one two three"}, *bash("tail -f /dev/null")])
RUN = bash("python3 -c 'print(6 * 7)'")


class TestAxe:
    def test_finds_nothing_in_the_queue_the_composer_and_the_commands(self, screens: Screens, shoot: Shoot) -> None:
        alice = screens.alice
        pages = screens.open(session_path(alice.session(alice.project(), SLOW, **FREE)))
        for page in pages:
            expect(page.locator(".prose").get_by_text("one two three")).to_be_visible(timeout=TURN_MS)
        area = pages[0].get_by_label("Message to the agent")
        for text in ("then this", "and a longer one, which needs more than one line on a small screen, to see it wrap"):
            area.fill(text)
            pages[0].keyboard.press("Enter")
        for page in pages:
            expect(page.locator(".queue-head")).to_contain_text("2 messages queued")
            screens.look(page, "queue")
            if is_phone(page):
                page.locator(".queue-head").click()
            expect(page.locator(".queue li")).to_have_count(2)
        for page in pages:
            page.get_by_role("button", name="Edit").first.click()
            paste(page, png())
            paste(page, b"hello", kind="text/plain", name="notes.txt")
            expect(page.get_by_text("Uploading…")).to_have_count(0)
            screens.look(page, "queue-edit")
            shoot(page, "queue-edit")
            page.get_by_label("Message to the agent").fill("/co")
            expect(page.get_by_role("listbox", name="Agent commands")).to_be_visible()
            screens.look(page, "commands")
            shoot(page, "commands")

    def test_finds_nothing_in_rules_and_where_they_are_kept(self, screens: Screens, shoot: Shoot) -> None:
        alice = screens.alice
        project = alice.project()
        pages = screens.open(session_path(alice.session(project, script(RUN, [{"text": "first"}]))))
        for page in pages:
            page.get_by_role("button", name="Always allow…").click(timeout=TURN_MS)
            page.get_by_label("In this project, in all of its sessions").check()
            screens.look(page, "always")
            shoot(page, "always")
        pages[0].get_by_role("button", name="Always allow these commands").click()
        for page in pages:
            expect(page.get_by_text("first", exact=True)).to_be_visible(timeout=TURN_MS)
            page.get_by_label("More about this session").click()
            page.get_by_role("button", name="Session details…").click()
            page.get_by_role("dialog").get_by_role("button", name="Remove").click()
            screens.look(page, "rules")
            shoot(page, "rules")
        for board in screens.open(f"/projects/{project['id']}/"):
            expect(board.get_by_text("in this project", exact=False).first).to_be_visible()
            screens.look(board, "the project's rules")

    def test_finds_nothing_when_it_stopped_waits_for_others_or_is_gone(self, screens: Screens, shoot: Shoot) -> None:
        alice = screens.alice
        stopped = alice.session(alice.project(), script([{"text": "done"}]), name="stopped", **FREE)
        alice.wait_until_idle(stopped)
        alice.person.call("POST", f"/api/sessions/{stopped['id']}/stop")
        pages = screens.open(session_path(stopped))
        for page in pages:
            expect(page.get_by_text("Your next message starts it again")).to_be_visible()
            screens.look(page, "stopped")
        alice.person.call("DELETE", f"/api/sessions/{stopped['id']}")
        for page in pages:
            expect(page.get_by_text("This session is gone")).to_be_visible(timeout=TURN_MS)
            screens.look(page, "gone")
            shoot(page, "gone")
            page.close()
        screens.forgive("status of 404")


class TestTheOperatorsPage:
    def test_passes_too(self, screens: Screens, shoot: Shoot) -> None:
        alice = screens.alice
        alice.session(alice.project(), "Write a small fizzbuzz program and test it")
        make_staff(alice.server, alice.person)
        page = alice.open("/admin/operations/")
        expect(page.get_by_role("heading", name="At work, longest first")).to_be_visible()
        shoot(page, "operations")

        # The frame around it is Django's.
        screens.look(page, "operations", within="#content-main")
        page.close()
        screens.forgive("status of 404")  # it names no icon, so the browser guesses one

"""What a session's page can show passes axe-core: the queue, menus, dialogs, failures; and the operator's page does."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.journeys.browsing import TURN_MS, bash, script, session_path
from tests.journeys.conftest import Shoot, Visit
from tests.journeys.operating import make_staff
from tests.journeys.test_browser_accessibility import theme, violations
from tests.journeys.test_browser_images import paste, png

__all__ = ["theme"]

pytestmark = [pytest.mark.browser, pytest.mark.cli, pytest.mark.timeout(240)]

FREE = {"permission_mode": "bypassPermissions"}
SLOW = script([{"text": "one two three " * 40, "chunks": 200, "delay": 0.25}])
RUN = bash("python3 -c 'print(6 * 7)'")


@pytest.mark.parametrize("size", ["desktop", "phone"])
class TestAxe:
    def test_finds_nothing_in_the_queue_the_composer_and_the_commands(
        self, visit: Visit, theme: str, size: str, shoot: Shoot
    ) -> None:
        alice = visit(size=size, theme=theme)
        page = alice.open(session_path(alice.session(alice.project(), SLOW)))
        area = page.get_by_label("Message to the agent")
        expect(page.locator(".prose").get_by_text("one two three")).to_be_visible(timeout=TURN_MS)
        for text in ("then this", "and a longer one, which needs more than one line on a small screen, to see it wrap"):
            area.fill(text)
            page.keyboard.press("Enter")
        expect(page.locator(".queue li")).to_have_count(2)
        wrong = violations(page)
        page.get_by_role("button", name="Edit").first.click()
        paste(page, png())
        paste(page, b"hello", kind="text/plain", name="notes.txt")
        expect(page.get_by_text("Uploading…")).to_have_count(0)
        wrong += violations(page)
        shoot(page, f"queue-edit-{theme}")
        area.fill("/co")
        expect(page.get_by_role("listbox", name="Commands of the agent")).to_be_visible()
        wrong += violations(page)
        shoot(page, f"commands-{theme}")

        assert not wrong, "\n".join(wrong)

    def test_finds_nothing_in_rules_and_where_they_are_kept(
        self, visit: Visit, theme: str, size: str, shoot: Shoot
    ) -> None:
        alice = visit(size=size, theme=theme)
        project = alice.project()
        page = alice.open(session_path(alice.session(project, script(RUN, [{"text": "first"}]))))
        page.get_by_role("button", name="Always allow…").click(timeout=TURN_MS)
        page.get_by_label("In this project, in all of its sessions").check()
        wrong = violations(page)
        shoot(page, f"always-{theme}")
        page.get_by_role("button", name="Always allow this").click()
        expect(page.get_by_text("first", exact=True)).to_be_visible(timeout=TURN_MS)
        page.get_by_label("More about this session").click()
        page.get_by_role("button", name="Details and permission rules…").click()
        page.get_by_role("dialog").get_by_role("button", name="Remove").click()
        wrong += violations(page)
        shoot(page, f"rules-{theme}")
        board = alice.open(f"/projects/{project['id']}/")
        expect(board.get_by_text("in this project", exact=False).first).to_be_visible()
        wrong += violations(board)

        assert not wrong, "\n".join(wrong)

    def test_finds_nothing_when_it_stopped_waits_for_others_or_is_gone(
        self, visit: Visit, theme: str, size: str, shoot: Shoot
    ) -> None:
        alice = visit(size=size, theme=theme)
        project = alice.project()
        stopped = alice.session(project, script([{"text": "done"}]), name="stopped", **FREE)
        alice.wait_until_idle(stopped)
        alice.person.call("POST", f"/api/sessions/{stopped['id']}/stop")
        page = alice.open(session_path(stopped))
        expect(page.get_by_text("Your next message starts it again")).to_be_visible()
        wrong = violations(page)
        alice.person.call("DELETE", f"/api/sessions/{stopped['id']}")
        expect(page.get_by_text("This session is gone")).to_be_visible(timeout=TURN_MS)
        wrong += violations(page)
        shoot(page, f"gone-{theme}")
        page.close()
        alice.watch.forgive("status of 404")

        assert not wrong, "\n".join(wrong)


class TestTheOperatorsPage:
    def test_passes_too(self, visit: Visit, theme: str, shoot: Shoot) -> None:
        alice = visit(theme=theme)
        alice.session(alice.project(), "Write a small fizzbuzz program and test it")
        make_staff(alice.server, alice.person)
        page = alice.open("/admin/operations/")
        expect(page.get_by_role("heading", name="At work, longest first")).to_be_visible()
        shoot(page, f"operations-{theme}")

        # The frame around it is Django's.
        wrong = violations(page, within="#content-main")
        page.close()
        alice.watch.forgive("status of 404")  # it names no icon, so the browser guesses one
        assert not wrong, "\n".join(wrong)

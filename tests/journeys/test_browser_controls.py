"""A session's controls in use: model and mode in mid-session, the agent's commands, rules, going on after a failure."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.journeys.browsing import TURN_MS, Visitor, bash, script, session_path
from tests.journeys.conftest import AT_BOTH_SIZES, Shoot, Visit
from tests.journeys.curl import wait_for
from tests.journeys.operating import add_member

pytestmark = [pytest.mark.browser, pytest.mark.cli, pytest.mark.timeout(180)]

FREE = {"permission_mode": "bypassPermissions"}
RUN = "python3 -c 'print(6 * 7)'"


def card(page: Page) -> Locator:
    return page.get_by_role("region", name="May the agent do this?")


def say(page: Page, text: str) -> None:
    page.get_by_label("Message to the agent").fill(text)
    page.locator(".composer .send").click()


def picker(page: Page, name: str) -> Locator:
    return page.locator("slw-composer summary").and_(page.get_by_label(name))


def choose(page: Page, name: str, choice: str) -> None:
    picker(page, name).click()
    page.locator("slw-composer .menu-body").get_by_role("button", name=choice).click()


class TestTheModelAndTheMode:
    def test_are_switched_in_mid_session_and_every_device_shows_it(self, visit: Visit, shoot: Shoot) -> None:
        alice = visit()
        session = alice.session(alice.project(), script([{"text": "ready"}]))
        page, other = alice.open(session_path(session)), alice.open(session_path(session), alice.device("small"))
        expect(page.get_by_text("ready", exact=True)).to_be_visible(timeout=TURN_MS)
        expect(other.get_by_text("ready", exact=True)).to_be_visible(timeout=TURN_MS)

        choose(page, "Model", "Opus")
        choose(page, "Permissions", "Never ask")

        for tab in (page, other):
            expect(picker(tab, "Model")).to_have_text("Opus")
            expect(picker(tab, "Permissions")).to_have_text("Never ask")
            expect(picker(tab, "Permissions")).to_have_accessible_name("Permissions: Never ask")
            expect(picker(tab, "Permissions").get_by_text("Never ask")).to_be_visible()
        shoot(other, "pickers")
        say(page, script(bash("touch never-asked.txt"), [{"text": "all done"}]))
        expect(page.get_by_text("all done", exact=True)).to_be_visible(timeout=TURN_MS)
        assert alice.read(session)["model"] == "opus"

    def test_show_what_holds_when_a_change_is_refused(self, visit: Visit) -> None:
        alice = visit()
        page = alice.open(session_path(alice.session(alice.project())))
        expect(picker(page, "Permissions")).to_have_text("Ask first")
        page.route("**/api/sessions/*", lambda route: route.continue_(post_data='{"permission_mode": "no such mode"}'))

        choose(page, "Permissions", "Accept edits")

        expect(page.get_by_role("alert")).to_be_visible()
        expect(picker(page, "Permissions")).to_have_text("Ask first")
        alice.watch.forgive("status of 4")


class TestTheAgentsCommands:
    def test_are_chosen_by_the_keyboard(self, visit: Visit, shoot: Shoot) -> None:
        alice = visit()
        session = alice.session(alice.project(), script([{"text": "ready"}]), **FREE)
        alice.wait_until_idle(session)
        page = alice.open(session_path(session))
        expect(page.get_by_text("ready", exact=True)).to_be_visible(timeout=TURN_MS)
        area = page.get_by_label("Message to the agent")

        area.press_sequentially("/co")
        menu = page.get_by_role("listbox", name="Agent commands")
        expect(menu.get_by_role("option").filter(has_text="/compact")).to_be_visible()
        expect(area).to_have_attribute("aria-activedescendant", "composer-menu-0")
        shoot(page, "commands")
        first = menu.get_by_role("option").first
        expect(first).to_have_attribute("aria-selected", "true")
        page.keyboard.press("ArrowDown")
        expect(first).to_have_attribute("aria-selected", "false")
        page.keyboard.press("ArrowUp")
        page.keyboard.press("Escape")
        expect(menu).to_be_hidden()
        expect(area).to_have_value("/co")
        area.press_sequentially("mpact")
        expect(menu).to_be_visible()
        page.keyboard.press("Tab")

        expect(area).to_have_value("/compact ")
        expect(menu).to_be_hidden()
        expect(area).to_be_focused()


class TestARule:
    def test_is_kept_for_the_session_shown_and_removed(self, visit: Visit, shoot: Shoot) -> None:
        alice = visit()
        session = alice.session(alice.project(), script(bash(RUN), [{"text": "first"}]))
        page = alice.open(session_path(session))
        expect(card(page)).to_be_visible(timeout=TURN_MS)
        page.keyboard.press("Escape")
        expect(page.locator(".permission:not(.is-settling)")).to_be_visible()
        page.keyboard.press("Shift+A")
        expect(card(page).get_by_text("From now on the agent may, without asking:")).to_be_visible()
        rule = card(page).locator("code.rule").first.inner_text()
        assert rule.startswith("Bash(python3")
        shoot(page, "always")
        card(page).get_by_role("button", name="Always allow these commands").click()
        expect(page.locator(".decision").get_by_text("From now on without asking:")).to_be_visible()
        expect(page.get_by_text("first", exact=True)).to_be_visible(timeout=TURN_MS)

        say(page, script(bash(RUN), [{"text": "second"}]))
        expect(page.get_by_text("second", exact=True)).to_be_visible(timeout=TURN_MS)
        self.open_details(page)
        dialog = page.get_by_role("dialog", name="Session details")
        expect(dialog.get_by_text(rule, exact=True)).to_be_visible()
        shoot(page, "rules")
        dialog.get_by_role("button", name=f"Remove {rule}…").click()
        dialog.get_by_role("button", name="Remove the rule").click()
        expect(dialog.get_by_text("No rules yet")).to_be_visible()
        dialog.get_by_role("button", name="Close").click()

        say(page, script(bash(RUN), [{"text": "third"}]))
        expect(card(page)).to_be_visible(timeout=TURN_MS)

    def open_details(self, page: Page) -> None:
        page.get_by_label("More about this session").click()
        page.get_by_role("button", name="Session details…").click()

    def test_of_a_project_holds_in_its_other_sessions_and_is_on_its_page(self, visit: Visit, shoot: Shoot) -> None:
        alice = visit()
        project = alice.project()
        page = alice.open(session_path(alice.session(project, script(bash(RUN), [{"text": "first"}]))))
        card(page).get_by_role("button", name="Always allow…").click(timeout=TURN_MS)
        card(page).get_by_label("In this project, in all of its sessions").check()
        rule = card(page).locator("code.rule").first.inner_text()
        card(page).get_by_role("button", name="Always allow these commands").click()
        expect(page.get_by_text("first", exact=True)).to_be_visible(timeout=TURN_MS)

        other = alice.open(session_path(alice.session(project, script(bash(RUN), [{"text": "second"}]), name="other")))
        expect(other.get_by_text("second", exact=True)).to_be_visible(timeout=TURN_MS)
        board = alice.open(f"/projects/{project['id']}/")
        expect(board.get_by_text(rule, exact=True)).to_be_visible()
        expect(board.get_by_text("in this project")).to_be_visible()
        shoot(board, "project")

    def test_answered_by_another_person_is_told_in_both_pages(self, visit: Visit, shoot: Shoot) -> None:
        alice, bob = visit(), visit()
        session = alice.session(alice.project(), "Write a small fizzbuzz program and test it")
        add_member(alice.server, alice.organization_id, bob.person, "MEMBER")
        hers, his = alice.open(session_path(session)), bob.open(session_path(session))
        expect(card(hers)).to_be_visible(timeout=TURN_MS)
        expect(card(his)).to_be_visible(timeout=TURN_MS)

        card(his).get_by_role("button", name="Allow once").click()

        expect(hers.get_by_text(re.compile("was first and allowed this."))).to_be_visible()
        shoot(hers, "first")
        expect(his.get_by_text("was first")).to_have_count(0)


class TestAfterAFailure:
    @AT_BOTH_SIZES
    def test_one_button_goes_on(self, alice: Visitor, shoot: Shoot) -> None:
        session = alice.session(alice.project(), script(bash("kill -9 $PPID")), **FREE)
        page = alice.open(session_path(session))
        failure = page.locator(".note.error").filter(has_text="ended unexpectedly")
        expect(failure).to_have_count(1, timeout=TURN_MS)
        shoot(page, "failed")

        failure.get_by_role("button", name="Continue").click()

        expect(page.get_by_role("button", name="Continue")).to_be_hidden(timeout=TURN_MS)
        say(page, script([{"text": "alive again"}]))
        expect(page.get_by_text("alive again", exact=True)).to_be_visible(timeout=TURN_MS)

    def test_a_stopped_session_says_what_the_next_message_does(self, visit: Visit, shoot: Shoot) -> None:
        alice = visit()
        page = alice.open(session_path(alice.session(alice.project(), script([{"text": "done"}]), **FREE)))
        expect(page.get_by_text("done", exact=True)).to_be_visible(timeout=TURN_MS)

        page.get_by_role("button", name="Stop").click()

        expect(page.get_by_text("Your next message starts it again")).to_be_visible()
        shoot(page, "stopped")

    def test_whose_work_cannot_be_saved_is_stopped_only_when_it_is_meant(self, visit: Visit, shoot: Shoot) -> None:
        alice = visit(size="phone")
        broken = script(bash("rm -rf .git && echo 'gitdir: nowhere' > .git"), [{"text": "broken"}])
        session = alice.session(alice.project(), broken, **FREE)
        page = alice.open(session_path(session))
        expect(page.get_by_text("broken", exact=True)).to_be_visible(timeout=TURN_MS)
        alice.wait_until_idle(session)

        alice.person.call("POST", f"/api/sessions/{session['id']}/stop")
        expect(page.get_by_text("the work could not be saved")).to_be_visible(timeout=TURN_MS)
        assert alice.read(session)["container_id"]  # the sandbox stays, with what could not be saved
        page.get_by_role("button", name="Stop without saving…").click()
        shoot(page, "stop-without-saving")
        page.get_by_role("dialog").get_by_role("button", name="Cancel").click()
        assert alice.read(session)["container_id"]
        page.get_by_role("button", name="Stop without saving…").click()
        page.get_by_role("dialog").get_by_role("button", name="Stop without saving").click()

        wait_for(lambda: alice.read(session)["status"] == "STOPPED", 30)
        assert alice.read(session)["container_id"] is None
        expect(page.get_by_role("button", name="Stop without saving…")).to_have_count(0)

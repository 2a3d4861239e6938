"""What other journeys do at a desk, done with a thumb: a session on a phone, from its first message to its archive."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.journeys.browsing import TURN_MS, Visitor, bash, reload, script, session_path
from tests.journeys.conftest import Shoot, Visit
from tests.journeys.curl import wait_for
from tests.journeys.test_browser_images import png
from tests.journeys.test_browser_queue import SLOW

pytestmark = [pytest.mark.browser, pytest.mark.cli, pytest.mark.timeout(240)]


def field(page: Page) -> Locator:
    return page.get_by_label("Message to the agent")


def send(page: Page, text: str) -> None:
    field(page).fill(text)
    page.locator(".composer .send").tap()


def said(page: Page, text: str) -> Locator:
    return page.locator("slw-markdown").get_by_text(text, exact=True)


def card(page: Page) -> Locator:
    ready = page.locator(".permission:not(.is-settling):not(.is-busy)")
    expect(ready).to_be_visible(timeout=TURN_MS)
    return ready


def choose(page: Page, menu: str, item: str) -> None:
    page.locator(f"slw-composer-tools {menu} summary").tap()
    page.locator(f"slw-composer-tools {menu} .menu-item", has_text=item).tap()


def more(page: Page, item: str) -> None:
    page.get_by_label("More about this session", exact=True).tap()
    page.get_by_role("button", name=item, exact=True).tap()


class TestOneHand:
    def test_does_on_a_phone_all_that_a_session_offers(self, visit: Visit, shoot: Shoot) -> None:
        alice = visit(size="phone")
        project = alice.project()
        other = alice.session(project, name="other")
        session = alice.session(project, name="one-hand")
        page = alice.open(session_path(session))

        self.answers_a_question_and_says_no(page)
        self.changes_the_mode_and_the_model(alice, page, session["id"])
        self.takes_commands_files_and_images(page)
        self.sends_a_message_after_a_turn_that_it_interrupts(page)
        self.keeps_a_draft(page)
        self.writes_in_a_tunnel(page, shoot)
        self.restores_files_and_takes_that_back(page, shoot)
        self.finds_what_was_said(page, shoot)
        self.goes_to_another_session_and_back(page, str(other["name"]))
        self.archives_and_takes_that_back(page, alice, session["id"])
        assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
        alice.watch.forgive("net::ERR_", "WebSocket")

    def answers_a_question_and_says_no(self, page: Page) -> None:
        send(page, "ask me a question")
        asked = card(page)
        asked.get_by_text("Fibonacci", exact=True).tap()
        asked.get_by_role("button", name="Answer").tap()
        deny = card(page).get_by_role("button", name=re.compile("^Deny"))
        expect(deny).to_be_visible(timeout=TURN_MS)
        deny.tap()
        page.get_by_label("What should the agent do instead?").fill("rather nothing")
        card(page).get_by_role("button", name="Deny", exact=True).tap()
        expect(page.get_by_text("rather nothing").first).to_be_visible(timeout=TURN_MS)
        expect(page.locator(".turn-footer")).to_have_count(1, timeout=TURN_MS)

    def changes_the_mode_and_the_model(self, alice: Visitor, page: Page, session_id: str) -> None:
        choose(page, ".picker-mode", "Never ask")
        wait_for(lambda: alice.read({"id": session_id})["permission_mode"] == "bypassPermissions", 20)
        choose(page, ".picker-model", "Opus")
        wait_for(lambda: alice.read({"id": session_id})["model"] == "opus", 20)

    def takes_commands_files_and_images(self, page: Page) -> None:
        choose(page, "slw-choices:first-of-type", "A command")
        page.get_by_role("listbox", name="Agent commands").get_by_role("option").first.tap()
        expect(field(page)).to_have_value(re.compile("^/"))
        field(page).fill("")
        choose(page, "slw-choices:first-of-type", "A file")
        page.get_by_role("listbox", name="Files").get_by_role("option", name="README.md").tap()
        expect(field(page)).to_have_value(re.compile(r"README\.md"))
        field(page).fill("")
        with page.expect_file_chooser() as chooser:
            choose(page, "slw-choices:first-of-type", "Images…")
        chooser.value.set_files({"name": "dot.png", "mimeType": "image/png", "buffer": png()})
        page.get_by_role("button", name="Enlarge dot.png").tap()
        expect(page.get_by_role("dialog", name="dot.png")).to_be_visible()
        page.get_by_role("dialog", name="dot.png").get_by_role("button").tap()
        page.get_by_role("button", name="Remove dot.png").tap()
        expect(page.get_by_role("button", name="Remove dot.png")).to_have_count(0)
        choose(page, "slw-choices:first-of-type", "An earlier message")
        page.get_by_role("listbox", name="Earlier messages").get_by_role("option").first.tap()
        expect(field(page)).to_have_value("ask me a question")
        field(page).fill("")

    def sends_a_message_after_a_turn_that_it_interrupts(self, page: Page) -> None:
        send(page, SLOW)
        expect(page.locator(".prose").get_by_text("one two three").last).to_be_visible(timeout=TURN_MS)
        send(page, "said too early")
        queue = page.get_by_role("region", name="Messages that wait")
        queue.get_by_role("button").tap()
        queue.get_by_role("button", name="Edit").tap()
        page.get_by_label("Edit the message").fill(script(bash("echo two > later.txt"), [{"text": "edited and done"}]))
        queue.get_by_role("button", name="Save").tap()
        expect(queue.get_by_role("listitem")).to_contain_text("edited")
        page.get_by_role("button", name="Interrupt").tap()
        expect(said(page, "edited and done")).to_be_visible(timeout=TURN_MS)
        expect(page.locator(".turn-footer")).to_have_count(3, timeout=TURN_MS)

    def keeps_a_draft(self, page: Page) -> None:
        field(page).fill("not finished yet")
        reload(page)
        expect(field(page)).to_have_value("not finished yet", timeout=TURN_MS)
        field(page).fill("")

    def writes_in_a_tunnel(self, page: Page, shoot: Shoot) -> None:
        page.context.set_offline(True)
        send(page, script([{"text": "after the tunnel"}]))
        expect(page.get_by_text("Reconnecting…")).to_be_visible(timeout=TURN_MS)
        expect(page.locator(".unsent")).to_be_visible()
        shoot(page, "phone-offline")
        page.context.set_offline(False)
        expect(said(page, "after the tunnel")).to_be_visible(timeout=TURN_MS)
        expect(page.get_by_text("Reconnecting…")).to_have_count(0, timeout=TURN_MS)
        expect(page.locator(".unsent")).to_have_count(0)
        expect(page.locator(".turn-footer")).to_have_count(4, timeout=TURN_MS)

    def restores_files_and_takes_that_back(self, page: Page, shoot: Shoot) -> None:
        changes = page.get_by_role("navigation", name="Panes").get_by_role("button", name=re.compile("^Changes"))
        expect(changes).to_have_accessible_name("Changes (1)", timeout=TURN_MS)
        page.get_by_role("button", name="Restore to here").first.tap()
        dialog = page.get_by_role("dialog", name="Restore the files to the end of this turn?")
        expect(dialog.get_by_text("later.txt")).to_be_visible()
        dialog.get_by_role("button", name="Restore", exact=True).tap()

        undo = page.locator(".restored").get_by_role("button", name="Undo")
        expect(undo).to_be_in_viewport(timeout=TURN_MS)  # at the end, where it is told, from wherever it was asked for
        shoot(page, "phone-restored")
        expect(changes).to_have_accessible_name("Changes")
        undo.tap()
        expect(page.locator(".restored")).to_have_count(2, timeout=TURN_MS)
        expect(changes).to_have_accessible_name("Changes (1)")

    def finds_what_was_said(self, page: Page, shoot: Shoot) -> None:
        page.get_by_role("button", name="Show the sidebar").tap()
        page.locator(".sidebar").get_by_role("button", name="Command palette").tap()
        page.get_by_role("dialog").get_by_role("combobox").fill("find in the")
        page.get_by_role("option", name="Find in the conversation").tap()
        page.get_by_label("Find in the conversation").fill("edited and")
        expect(page.locator(".find-count")).to_have_text(re.compile("of 2"))
        shoot(page, "phone-found")
        page.get_by_role("search").get_by_role("button", name="Close").tap()
        expect(page.get_by_role("search")).to_have_count(0)

    def goes_to_another_session_and_back(self, page: Page, other: str) -> None:
        page.get_by_role("button", name="Show the sidebar").tap()
        page.get_by_role("treeitem", name=re.compile(f"^{other}")).tap()
        expect(page.get_by_role("heading", level=1, name=other)).to_be_visible()
        expect(page.get_by_text("Tell the agent what to build")).to_be_visible()
        page.go_back()
        expect(page.get_by_role("heading", level=1, name="one-hand")).to_be_visible()
        expect(said(page, "edited and done")).to_be_attached()

    def archives_and_takes_that_back(self, page: Page, alice: Visitor, session_id: str) -> None:
        more(page, "Archive")
        toast = page.get_by_text("one-hand is archived")
        expect(toast).to_be_visible()
        page.locator(".toast", has=toast).get_by_role("button", name="Undo").tap()
        wait_for(lambda: alice.read({"id": session_id})["archived_at"] is None, 20)

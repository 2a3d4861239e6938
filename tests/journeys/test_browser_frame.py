"""The frame around every page: keys, the palette, the tree of sessions, panes, and all of it on a phone."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.journeys import logs
from tests.journeys.browsing import TURN_MS, Visitor, bash, script, session_path
from tests.journeys.conftest import AT_BOTH_SIZES, Shoot, Visit
from tests.journeys.test_browser_connection import BLOCKABLE

pytestmark = [pytest.mark.browser, pytest.mark.cli, pytest.mark.timeout(120)]


class TestThePalette:
    def test_goes_wherever_a_few_letters_say(self, visit: Visit, shoot: Shoot) -> None:
        alice = visit()
        project = alice.project()
        login, logout = (alice.session(project, name=name) for name in ("fix-login", "add-logout"))
        page = alice.open(session_path(login))
        expect(page.get_by_role("heading", name="fix-login")).to_be_visible()
        box = page.get_by_role("combobox", name="Find a session")
        results = page.get_by_role("listbox", name="Results")

        page.get_by_label("Message to the agent").press("Control+k")
        shoot(page, "palette")
        box.fill("lgo")
        expect(results.get_by_role("option").first).to_have_text(re.compile("add-logout"))
        box.press("Enter")
        page.wait_for_url(f"**{session_path(logout)}")

        page.get_by_role("heading", name="add-logout").wait_for()
        page.keyboard.press("Control+k")
        expect(page.get_by_role("group", name="Recent").get_by_role("option").first).to_have_text(
            re.compile("fix-login")
        )
        with page.context.expect_page() as opened:
            box.press("Control+Enter")
        expect(opened.value.get_by_role("heading", name="fix-login")).to_be_visible()

        box.fill("sample")
        expect(page.get_by_role("group", name="Projects").get_by_role("option", name="sample")).to_be_visible()
        box.fill("nothing like that")
        expect(page.get_by_text("No results for")).to_be_visible()
        box.press("Escape")
        expect(page.get_by_role("dialog")).to_have_count(0)

    @AT_BOTH_SIZES
    def test_does_what_it_names(self, alice: Visitor, shoot: Shoot) -> None:
        session = alice.session(alice.project())
        page = alice.open(session_path(session))
        expect(page.get_by_role("heading", name="feature")).to_be_visible()

        def choose(letters: str) -> None:
            if page.viewport_size and page.viewport_size["width"] < 760:
                page.get_by_label("Show the sidebar").click()
            page.get_by_label("Command palette").first.click()
            page.get_by_role("combobox", name="Find a session").fill(letters)
            page.get_by_role("listbox", name="Results").get_by_role("option").first.click()

        choose("dark theme")
        expect(page.locator("html")).to_have_attribute("data-theme", "dark")
        choose("rename session")
        expect(page.get_by_label("New name of feature")).to_have_value("feature")
        page.get_by_label("New name of feature").fill("renamed in place")
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", name="renamed in place")).to_be_visible()
        choose("show keys")
        shoot(page, "keys")
        expect(page.get_by_role("dialog", name="Keyboard shortcuts").get_by_text("Interrupt the turn")).to_have_count(0)
        expect(page.get_by_role("dialog", name="Keyboard shortcuts").get_by_text("Write a message")).to_be_visible()

    def test_has_whatever_menus_and_pages_offer(self, alice: Visitor) -> None:
        session = alice.session(alice.project())
        page = alice.open(session_path(session))
        row(page, "feature").click(button="right")
        expect(page.get_by_role("menu")).to_be_visible()
        verbs = {name.split()[0].strip("…") for name in page.get_by_role("menuitem").all_inner_texts()}
        page.keyboard.press("Escape")
        page.keyboard.press("Control+k")
        assert {"Pin", "Mark", "Copy", "Rename", "Archive", "Delete"} <= verbs
        assert verbs - {"Open"} <= {name.split()[0] for name in found(page, "this session")}  # opened by Ctrl+Enter

        for path in ("/", "/settings/", "/settings/environments/", f"/projects/{session['project_id']}/"):
            page = alice.open(path)
            expect(page.locator("slw-tree [role=treeitem]").first).to_be_visible()
            controls = page.evaluate(CONTROLS)
            page.keyboard.press("Control+k")
            assert controls
            lost = [name for name in controls if not any(name.lower() in one.lower() for one in found(page, name))]
            assert lost == []


# What the sidebar's menus and the page offer, but for what sends a form that one has yet to fill.
CONTROLS = """[...document.querySelectorAll(".sidebar .menu-item:not([aria-current]), .main :is(.button, .menu-item)")]
    .filter((one) => !one.matches("summary, :disabled, [data-drawer]") && !one.closest("[hidden]"))
    .filter((one) => one.matches("a, [type=button]") || !one.form?.querySelector("input:not([type=hidden]), textarea"))
    .map((one) => one.ariaLabel || one.textContent.trim())"""


def found(page: Page, letters: str) -> list[str]:
    """The names of what the open palette finds."""
    page.get_by_role("combobox", name="Find a session").fill(letters)
    options = page.get_by_role("listbox", name="Results").get_by_role("option")
    return options.locator(".cut:first-of-type").all_inner_texts()


class TestKeys:
    def test_leave_alone_whoever_types(self, visit: Visit) -> None:
        alice = visit()
        page = alice.open(session_path(alice.session(alice.project())))
        field = page.get_by_label("Message to the agent")

        field.press_sequentially("g p? v c")
        expect(field).to_have_value("g p? v c")
        expect(page.get_by_role("dialog")).to_have_count(0)
        field.press("Control+\\")
        expect(page.get_by_role("region", name="Changes")).to_have_count(0)

        field.press("Escape")
        page.keyboard.press("v")
        expect(page.get_by_role("region", name="Changes")).to_be_visible()
        page.keyboard.press("?")
        expect(page.get_by_role("dialog", name="Keyboard shortcuts")).to_be_visible()
        page.keyboard.press("g")
        page.keyboard.press("p")
        page.keyboard.press("Escape")
        page.keyboard.press("i")
        expect(field).to_be_focused()
        field.press("Escape")
        page.keyboard.press("g")
        page.keyboard.press("p")
        page.wait_for_url(f"{alice.server.url}/")


def row(page: Page, name: str) -> Locator:
    """A session's or a project's row in the tree."""
    return page.locator(".tree").get_by_role("treeitem", name=re.compile(rf"^{re.escape(name)}(,|$)"))


def names(page: Page) -> Locator:
    return page.locator(".tree-row.session .cut")


def show_tree(page: Page) -> None:
    if page.viewport_size and page.viewport_size["width"] < 760:
        page.get_by_label("Show the sidebar").click()


class TestTheTree:
    def test_is_worked_by_keys_alone(self, visit: Visit, shoot: Shoot) -> None:
        alice = visit()
        project = alice.project()
        one, two, three = (alice.session(project, name=name) for name in ("one", "two", "three"))
        page = alice.open(session_path(three))
        expect(page.get_by_role("heading", name="three")).to_be_visible()
        row(page, "three").focus()

        page.keyboard.press("ArrowDown")
        expect(row(page, "two")).to_be_focused()
        page.keyboard.press("ArrowLeft")
        expect(row(page, "sample")).to_be_focused()
        page.keyboard.press("ArrowLeft")
        expect(row(page, "sample")).to_have_attribute("aria-expanded", "false")
        expect(row(page, "two")).to_have_count(0)
        page.reload()
        expect(row(page, "sample")).to_have_attribute("aria-expanded", "false")
        row(page, "sample").focus()
        page.keyboard.press("ArrowRight")
        page.keyboard.press("o")
        expect(row(page, "one")).to_be_focused()

        page.keyboard.press("Alt+Shift+ArrowUp")
        expect(row(page, "one")).to_be_focused()
        expect(names(page)).to_have_text(["three", "one", "two"])
        page.keyboard.press("F2")
        page.get_by_label("New name of one").fill("first")
        page.keyboard.press("Enter")
        expect(row(page, "first")).to_be_focused()
        page.keyboard.press("Shift+F10")
        page.get_by_role("menuitem", name="Pin to the top").press("Enter")
        expect(page.get_by_text("first is pinned to the top")).to_be_visible()
        shoot(page, "tree-pinned")
        row(page, "first").focus()
        page.keyboard.press("Enter")
        page.wait_for_url(f"**{session_path(one)}")
        expect(page.get_by_role("heading", name="first")).to_be_visible()

        page.keyboard.press("Alt+ArrowDown")
        page.wait_for_url(f"**{session_path(three)}")
        expect(page.get_by_role("heading", name="three")).to_be_visible()
        page.reload()
        expect(row(page, "first")).to_be_visible()
        expect(names(page)).to_have_text(["first", "three", "two"])
        del two

    @AT_BOTH_SIZES
    def test_takes_back_what_was_done(self, alice: Visitor, shoot: Shoot) -> None:
        session = alice.session(alice.project())
        page = alice.open("/")
        show_tree(page)

        def choose(what: str) -> None:
            row(page, "feature").hover()
            row(page, "feature").get_by_role("button", name="Actions for feature").click()
            page.get_by_role("menuitem", name=what).click()

        def undo() -> None:
            page.get_by_role("button", name="Undo").last.click()

        choose("Rename")
        page.get_by_label("New name of feature").fill("better")
        page.keyboard.press("Enter")
        expect(row(page, "better")).to_be_visible()
        undo()
        expect(row(page, "feature")).to_be_visible()
        choose("Pin to the top")
        expect(row(page, "Pinned")).to_be_visible()
        undo()
        expect(row(page, "Pinned")).to_have_count(0)
        choose("Archive")
        expect(row(page, "feature")).to_have_count(0)
        row(page, "Archived").click()
        expect(row(page, "feature, archived")).to_be_visible()
        shoot(page, "tree-archived")
        undo()
        expect(row(page, "feature, archived")).to_have_count(0)
        expect(row(page, "feature")).to_be_visible()
        assert alice.read(session)["archived_at"] is None
        assert alice.read(session)["name"] == "feature"

    def test_asks_before_it_archives_what_is_at_work(self, visit: Visit) -> None:
        alice = visit()
        session = alice.session(alice.project(), prompt=script(bash("touch x.txt")))
        alice.wait_until_asked(session)
        page = alice.open(session_path(session))
        expect(row(page, "feature")).to_contain_text("waits")
        # The tree came with the page; from here on keys are heard.
        expect(page.locator("slw-permission").get_by_role("button").first).to_be_visible()

        page.get_by_role("heading", name="feature").click()
        page.keyboard.press("e")
        question = page.get_by_role("dialog", name="Stop feature and archive it?")
        question.get_by_role("button", name="Cancel").click()
        assert alice.read(session)["archived_at"] is None
        page.keyboard.press("e")
        question.get_by_role("button", name="Stop and archive").click()

        expect(row(page, "feature")).to_have_count(0)
        assert alice.read(session)["archived_at"] is not None
        alice.watch.forgive("status of 409")

    def test_is_dragged_into_order_and_seen_in_another_tab(self, visit: Visit) -> None:
        alice = visit()
        page = alice.open("/")
        expect(page.locator(".tree").get_by_text("No projects yet")).to_be_visible()
        project = alice.project()
        sessions = [alice.session(project, name=name) for name in ("one", "two", "three")]
        other = alice.open(session_path(sessions[0]))
        expect(row(page, "one")).to_be_visible()
        expect(row(other, "one")).to_be_visible()

        box, over = row(page, "one").bounding_box(), row(page, "three").bounding_box()
        assert box is not None
        assert over is not None
        page.mouse.move(box["x"] + 60, box["y"] + 10)
        page.mouse.down()
        page.mouse.move(box["x"] + 60, box["y"] - 10, steps=3)
        page.mouse.move(over["x"] + 60, over["y"] + 4, steps=3)
        page.mouse.up()
        expect(page.locator(".tree-row.session .cut")).to_have_text(["one", "three", "two"])
        assert page.url == f"{alice.server.url}/"

        expect(other.locator(".tree-row.session .cut")).to_have_text(["one", "three", "two"])
        alice.person.call("PATCH", f"/api/sessions/{sessions[1]['id']}", {"name": "two, renamed"})
        for shown in (page, other):
            expect(row(shown, "two, renamed")).to_be_visible()
        alice.person.call("DELETE", f"/api/sessions/{sessions[2]['id']}")
        alice.project("second")
        for shown in (page, other):
            expect(shown.locator(".tree-row.session .cut")).to_have_text(["one", "two, renamed"])
            expect(row(shown, "second")).to_be_visible()


class TestGoing:
    def test_from_session_to_session_keeps_the_frame(self, alice: Visitor) -> None:
        project = alice.project()
        one, two = (alice.session(project, name=name) for name in ("one", "two"))
        page = alice.open(session_path(one))
        expect(page.get_by_role("heading", name="one")).to_be_visible()
        page.evaluate("window.isSamePage = true")

        show_tree(page)
        row(page, "two").get_by_role("link").click()
        expect(page.get_by_role("heading", name="two")).to_be_visible()
        expect(page).to_have_title(re.compile("^two · sample"))
        page.get_by_label("Message to the agent").fill("a draft for two")
        assert page.url.endswith(session_path(two))

        page.go_back()
        expect(page.get_by_role("heading", name="one")).to_be_visible()
        expect(page.get_by_label("Message to the agent")).to_have_value("")
        expect(page).to_have_title(re.compile("^one · sample"))
        page.go_forward()
        expect(page.get_by_role("heading", name="two")).to_be_visible()
        expect(page.get_by_label("Message to the agent")).to_have_value("a draft for two")
        assert page.evaluate("window.isSamePage") is True

    def test_shows_what_was_looked_at_or_pointed_at_before_the_server_answers(self, visit: Visit) -> None:
        alice = visit()
        alice.context.add_init_script(BLOCKABLE)
        project = alice.project()
        one, two = (alice.session(project, name=name) for name in ("one", "two"))
        for session, turns in ((one, 1), (two, 2)):
            logs.write(alice.server, session, logs.turns(turns))
        page = alice.open(session_path(one))
        expect(page.get_by_text("Answer 1", exact=True)).to_be_visible()

        with page.expect_response(f"**/api/sessions/{two['id']}/events*"):
            row(page, "two").hover()
        page.evaluate("block('WebSocket', 'EventSource')")
        alice.context.route("**/api/sessions/**", lambda route: route.abort())
        row(page, "two").get_by_role("link").click()
        expect(page.get_by_role("heading", name="two")).to_be_visible()
        expect(page.get_by_text("Answer 2", exact=True)).to_be_visible()
        assert page.locator(".session-head [data-manage=delete]").get_attribute("data-id") == two["id"]
        row(page, "one").get_by_role("link").click()
        expect(page.get_by_role("heading", name="one")).to_be_visible()
        expect(page.get_by_text("Answer 1", exact=True)).to_be_visible()
        assert page.locator(".session-head [data-manage=delete]").get_attribute("data-id") == one["id"]

        logs.write(alice.server, one, logs.turns(1, since=3))
        alice.context.unroute_all()
        page.evaluate("block()")
        page.evaluate("dispatchEvent(new Event('online'))")
        expect(page.get_by_text("Answer 3", exact=True)).to_be_visible(timeout=TURN_MS)
        expect(page.get_by_text("Answer 1", exact=True)).to_have_count(1)
        alice.watch.forgive("net::ERR_FAILED", "WebSocket", "EventSource")

    def test_with_a_drawer_is_one_step_in_the_history(self, visit: Visit, shoot: Shoot) -> None:
        alice = visit(size="phone")
        project = alice.project()
        one, _ = (alice.session(project, name=name) for name in ("one", "two"))
        page = alice.open("/")
        page.get_by_label("Show the sidebar").click()
        row(page, "one").get_by_role("link").click()
        expect(page.get_by_role("heading", name="one")).to_be_visible()
        assert page.url.endswith(session_path(one))
        page.get_by_label("Show the sidebar").click()
        expect(row(page, "two")).to_be_visible()
        shoot(page, "drawer")

        page.go_back()
        expect(row(page, "two")).to_be_hidden()
        expect(page.get_by_role("heading", name="one")).to_be_visible()
        page.go_back()
        page.wait_for_url(f"{alice.server.url}/")


class TestThePanes:
    def test_are_closed_maximised_and_moved_and_stay_so(self, visit: Visit, shoot: Shoot) -> None:
        alice = visit()
        page = alice.open(session_path(alice.session(alice.project())))
        side, chat = page.get_by_role("region", name="Changes"), page.get_by_role("region", name="Conversation")
        divider = page.get_by_role("separator", name="Width of the conversation")
        sidebar = page.get_by_role("separator", name="Width of the sidebar")
        expect(side).to_be_visible()

        before = chat.bounding_box()
        divider.focus()
        for _ in range(5):
            page.keyboard.press("ArrowLeft")
        sidebar.focus()
        page.keyboard.press("ArrowRight")
        after = chat.bounding_box()
        assert before is not None
        assert after is not None
        assert after["width"] < before["width"] - 50
        assert after["x"] == before["x"] + 16
        page.get_by_role("button", name="Maximise the pane").click()
        expect(chat).to_be_hidden()
        shoot(page, "pane-maximised")
        page.get_by_role("button", name="Maximise the pane").click()
        page.get_by_role("button", name="Close the side pane").click()
        expect(side).to_have_count(0)
        page.keyboard.press("Control+b")
        expect(page.locator(".sidebar")).to_be_hidden()

        page.reload()
        expect(page.get_by_label("Message to the agent")).to_be_visible()
        expect(page.locator(".sidebar")).to_be_hidden()
        expect(side).to_have_count(0)
        page.get_by_label("Show the sidebar").click()
        page.get_by_label("Show the side pane").click()
        expect(side).to_be_visible()
        assert chat.bounding_box() == after

    def test_are_one_at_a_time_on_a_phone(self, visit: Visit, shoot: Shoot) -> None:
        alice = visit(size="small")
        session = alice.session(alice.project(), prompt=script(bash("touch new.txt")))
        asked = alice.wait_until_asked(session)
        page = alice.open(session_path(session))
        bar = page.get_by_role("navigation", name="Panes")
        expect(bar.get_by_role("button", name="Chat (waits)")).to_be_visible()
        shoot(page, "phone-waits")
        box, dock = bar.bounding_box(), page.locator(".dock").bounding_box()
        assert box is not None
        assert dock is not None
        assert dock["y"] + dock["height"] <= box["y"] + 1

        alice.person.call(
            "POST", f"/api/sessions/{session['id']}/approve", {"permission_id": asked["id"], "decision": "allow"}
        )
        expect(bar.get_by_role("button", name="Changes (1)")).to_be_visible(timeout=60_000)
        bar.get_by_role("button", name="Changes (1)").click()
        expect(page.get_by_role("region", name="Conversation")).to_be_hidden()
        expect(page.get_by_role("region", name="Changes").get_by_text("new.txt")).to_be_visible()
        shoot(page, "phone-changes")
        assert page.evaluate("document.documentElement.scrollWidth") <= page.evaluate("innerWidth")

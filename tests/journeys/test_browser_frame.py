"""The frame around every page: keys, the palette, the tree of sessions, panes, and all of it on a phone."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.journeys.browsing import Visitor, session_path
from tests.journeys.conftest import Shoot, Visit

pytestmark = [pytest.mark.browser, pytest.mark.cli, pytest.mark.timeout(120)]

OPEN_WITHIN_MS = 100
# From the stroke to the next frame that shows the dialog.
OPENED_IN = """() => new Promise((done) => {
    const begun = performance.now();
    document.dispatchEvent(new KeyboardEvent("keydown", { key: "k", ctrlKey: true, bubbles: true, cancelable: true }));
    const look = () => document.querySelector(".palette[open]")
        ? requestAnimationFrame(() => done(performance.now() - begun)) : requestAnimationFrame(look);
    look();
})"""


@pytest.fixture(params=["desktop", "phone"])
def alice(request: pytest.FixtureRequest, visit: Visit) -> Visitor:
    return visit(size=request.param)


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
        expect(page.get_by_text("Nothing of that name")).to_be_visible()
        box.press("Escape")
        expect(page.get_by_role("dialog")).to_have_count(0)

        assert page.evaluate(OPENED_IN) < OPEN_WITHIN_MS

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
        expect(page.get_by_role("dialog", name="Rename the session").get_by_label("Name")).to_have_value("feature")
        page.get_by_role("button", name="Cancel").click()
        choose("show keys")
        shoot(page, "keys")
        expect(page.get_by_role("dialog", name="Keys").get_by_text("Interrupt the turn")).to_have_count(0)
        expect(page.get_by_role("dialog", name="Keys").get_by_text("Write a message")).to_be_visible()


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
        expect(page.get_by_role("dialog", name="Keys")).to_be_visible()
        page.keyboard.press("g")
        page.keyboard.press("p")
        page.keyboard.press("Escape")
        page.keyboard.press("i")
        expect(field).to_be_focused()
        field.press("Escape")
        page.keyboard.press("g")
        page.keyboard.press("p")
        page.wait_for_url(f"{alice.server.url}/")

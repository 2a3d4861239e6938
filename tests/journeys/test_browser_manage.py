"""Names and ends: sessions and projects are renamed and deleted from the page, and a branch's name is copied."""

from __future__ import annotations

import re
import urllib.error

import pytest
from playwright.sync_api import Page, expect

from tests.journeys.browsing import Visitor, session_path
from tests.journeys.conftest import AT_BOTH_SIZES

pytestmark = [pytest.mark.browser, pytest.mark.cli, pytest.mark.timeout(120)]


def choose(page: Page, menu: str, item: str) -> None:
    page.get_by_label(menu, exact=True).click()
    page.locator(".menu-item", has_text=item).and_(page.locator(":visible")).click()


class TestASession:
    def test_gets_another_name(self, alice: Visitor) -> None:
        session = alice.session(alice.project())
        page = alice.open(session_path(session))

        choose(page, "More about this session", "Rename…")
        dialog = page.get_by_role("dialog", name="Rename the session")
        expect(dialog.get_by_label("Name")).to_have_value("feature")
        dialog.get_by_label("Name").fill("better name")
        dialog.get_by_role("button", name="Rename").click()

        expect(page.get_by_role("heading", name="better name")).to_be_visible()
        expect(page).to_have_title(re.compile("^better name · sample"))
        assert alice.read(session)["name"] == "better name"

    def test_keeps_its_name_when_another_has_that_one(self, alice: Visitor) -> None:
        project = alice.project()
        alice.session(project, name="taken")
        page = alice.open(session_path(alice.session(project)))

        choose(page, "More about this session", "Rename…")
        dialog = page.get_by_role("dialog", name="Rename the session")
        dialog.get_by_label("Name").fill("taken")
        dialog.get_by_role("button", name="Rename").click()

        expect(dialog.get_by_role("alert")).to_be_visible()
        dialog.get_by_role("button", name="Cancel").click()
        expect(page.get_by_role("heading", name="feature")).to_be_visible()
        alice.watch.forgive("status of 409")

    @AT_BOTH_SIZES
    def test_is_moved_to_another_environment(self, alice: Visitor) -> None:
        body = {"organization_id": alice.organization_id, "name": "Containers to be", "kind": "HOST"}
        alice.person.call("POST", "/api/environments", body)
        session = alice.session(alice.project())
        page = alice.open(session_path(session))

        choose(page, "More about this session", "Move to another environment…")
        dialog = page.get_by_role("dialog", name="Move to another environment")
        expect(dialog.get_by_text("Now in: This machine")).to_be_visible()
        expect(dialog.get_by_label("Environment")).to_have_text("Containers to be")
        expect(dialog.get_by_text("What git ignores")).to_be_visible()
        dialog.get_by_role("button", name="Move", exact=True).click()

        expect(page.get_by_text("moved this session to Containers to be")).to_be_visible(timeout=20_000)
        assert alice.read(session)["environment_name"] == "Containers to be"

    @AT_BOTH_SIZES
    def test_is_deleted_once_that_is_confirmed(self, alice: Visitor) -> None:
        session = alice.session(alice.project())
        page = alice.open(session_path(session))

        choose(page, "More about this session", "Delete…")
        dialog = page.get_by_role("dialog", name="Delete “feature”?")
        dialog.get_by_role("button", name="Cancel").click()
        assert alice.read(session)["name"] == "feature"
        choose(page, "More about this session", "Delete…")
        dialog.get_by_role("button", name="Delete session").click()

        page.wait_for_url(f"{alice.server.url}/")
        expect(page.get_by_text("feature", exact=True)).to_have_count(0)
        with pytest.raises(urllib.error.HTTPError, match="404"):
            alice.read(session)

        page.get_by_role("status").get_by_role("button", name="Undo").click()
        expect(page.get_by_text("feature is back")).to_be_visible()
        expect(page.locator("main").get_by_role("link", name="feature")).to_be_visible()
        assert alice.read(session)["name"] == "feature"

    def test_deleted_elsewhere_says_that_it_is_gone(self, alice: Visitor) -> None:
        session = alice.session(alice.project())
        page = alice.open(session_path(session))
        expect(page.get_by_role("heading", name="Tell the agent what to build")).to_be_visible()

        alice.person.call("DELETE", f"/api/sessions/{session['id']}")

        expect(page.get_by_text("This session is gone")).to_be_visible()
        page.get_by_role("link", name="Back to the projects").click()
        page.wait_for_url(f"{alice.server.url}/")
        alice.watch.forgive("status of 404")

    def test_gives_its_branch_to_the_clipboard(self, alice: Visitor) -> None:
        alice.context.grant_permissions(["clipboard-read", "clipboard-write"])
        session = alice.session(alice.project())
        page = alice.open(session_path(session))

        choose(page, "More about this session", "Copy branch name")

        expect(page.get_by_text(f"Copied {session['branch']}")).to_be_visible()
        assert page.evaluate("navigator.clipboard.readText()") == session["branch"]


class TestAProject:
    def test_gets_another_name(self, alice: Visitor) -> None:
        alice.project()
        page = alice.open("/")

        choose(page, "More about sample", "Rename…")
        page.get_by_role("dialog", name="Rename the project").get_by_label("Name").fill("tools")
        page.get_by_role("button", name="Rename", exact=True).click()

        expect(page.get_by_role("heading", name="tools", exact=True)).to_be_visible()

    @AT_BOTH_SIZES
    def test_is_deleted_by_whoever_types_its_name(self, alice: Visitor) -> None:
        alice.session(alice.project())
        page = alice.open("/")

        choose(page, "More about sample", "Delete…")
        dialog = page.get_by_role("dialog", name="Delete “sample”?")
        delete = dialog.get_by_role("button", name="Delete project")
        expect(dialog.get_by_text("This deletes the repository and its 1 session.")).to_be_visible()
        expect(delete).to_be_disabled()
        dialog.get_by_label("Type the project's name").fill("sample")
        delete.click()

        expect(page.get_by_role("heading", name="Let an agent build something")).to_be_visible()
        assert alice.person.call("GET", "/api/projects")["items"] == []

        page.get_by_role("status").get_by_role("button", name="Undo").click()
        expect(page.locator("main").get_by_role("link", name="feature")).to_be_visible()

    @pytest.mark.parametrize("size", ["desktop", "phone"])
    def test_is_renamed_deleted_and_brought_back_without_scripts(self, alice: Visitor, size: str) -> None:
        project = alice.project()
        page = alice.open("/", alice.device(size, java_script_enabled=False))
        expect(page.locator("noscript .note")).to_be_visible()
        expect(page.get_by_role("button", name="New session")).to_have_count(0)

        page.get_by_label("More about sample", exact=True).click()
        page.get_by_role("link", name="Rename…").click()
        page.get_by_label("Name", exact=True).fill("tools")
        page.get_by_role("button", name="Save").click()
        expect(page.get_by_role("heading", name="tools", exact=True)).to_be_visible()

        page.goto(alice.server.url)
        page.get_by_label("More about tools", exact=True).click()
        page.get_by_role("link", name="Delete…").click()
        page.get_by_label("Type tools to confirm").fill("tools")
        page.get_by_role("button", name="Delete this project").click()
        page.get_by_role("button", name="Undo").click()
        page.wait_for_url(f"{alice.server.url}/projects/{project['id']}/")

        page.locator(".sidebar-foot summary").click()
        page.get_by_role("button", name="Sign out").click()
        expect(page.get_by_role("heading", name="Sign in")).to_be_visible()

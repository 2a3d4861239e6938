"""The ways around: from one organisation to another, up from a session, back from where nothing is; and what the tree
tells meanwhile."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.journeys.browsing import TURN_MS, Visitor, bash, script, session_path
from tests.journeys.conftest import AT_BOTH_SIZES, Visit
from tests.journeys.looking import is_phone
from tests.journeys.operating import add_member
from tests.journeys.server import Server

pytestmark = [pytest.mark.browser, pytest.mark.cli, pytest.mark.timeout(120)]


def show_sidebar(page: Page) -> None:
    if page.viewport_size and page.viewport_size["width"] < 760:
        page.get_by_label("Show the sidebar").click()


class TestAnotherOrganisation:
    @AT_BOTH_SIZES
    def test_is_chosen_in_the_sidebar_and_kept(self, alice: Visitor, visit: Visit, server: Server) -> None:
        bob = visit()
        theirs = bob.project("catalogue")
        alice.project("storefront")
        add_member(server, theirs["organization_id"], alice.person, "MEMBER")
        page = alice.open(f"/?organization={alice.organization_id}")
        expect(page.get_by_role("heading", name="storefront")).to_be_visible()

        show_sidebar(page)
        page.get_by_label(re.compile("^Organisation: ")).click()
        page.locator(f'.sidebar a[href="/?organization={theirs["organization_id"]}"]').click()

        expect(page.get_by_role("heading", name="catalogue")).to_be_visible()
        expect(page.get_by_role("heading", name="storefront")).to_have_count(0)
        page.goto(f"{alice.server.url}/")
        expect(page.get_by_role("heading", name="catalogue")).to_be_visible()


class TestTheWayUp:
    @AT_BOTH_SIZES
    def test_is_in_the_crumbs_of_a_session_or_in_the_drawer(self, alice: Visitor) -> None:
        session = alice.session(alice.project())
        page = alice.open(session_path(session))

        if is_phone(page):
            show_sidebar(page)
            page.get_by_role("button", name="Actions for sample").tap()
            page.get_by_role("menuitem", name="Show the project").tap()
        else:
            page.get_by_role("navigation", name="Where this is").get_by_role("link", name="sample").click()

        page.wait_for_url(f"**/projects/{session['project_id']}/")
        expect(page.get_by_role("heading", name="Sessions")).to_be_visible()

    @AT_BOTH_SIZES
    def test_from_a_page_that_is_not_there_is_to_find_something_or_home(self, alice: Visitor) -> None:
        alice.project()
        alice.watch.forgive("status of 404")
        page = alice.open("/nowhere/")
        expect(page.get_by_role("heading", name="Page not found")).to_be_visible()

        page.get_by_role("button", name="Search").click()
        page.get_by_role("combobox").fill("sample")
        expect(page.get_by_role("option", name="sample").first).to_be_visible()
        page.keyboard.press("Escape")
        page.get_by_role("link", name="Go to projects").click()
        page.wait_for_url(f"{alice.server.url}/")


class TestMarks:
    def test_of_news_and_of_changes_are_live_on_every_device_until_they_are_read(self, visit: Visit) -> None:
        alice = visit()
        project = alice.project()
        desk, phone = alice.open("/"), alice.open("/", alice.device("phone"))
        show_sidebar(phone)
        for page in (desk, phone):
            expect(page.locator(".tree").get_by_role("treeitem", name="sample")).to_be_visible()

        session = alice.session(project, script(bash("touch new.txt")), permission_mode="bypassPermissions")
        marked = re.compile("^feature, .*unread, has changes$")
        for page in (desk, phone):
            expect(page.locator(".tree").get_by_role("treeitem", name=marked)).to_be_visible(timeout=TURN_MS)

        phone.locator(".tree").get_by_role("link", name="feature").click()
        phone.wait_for_url(f"**{session_path(session)}")
        read = re.compile("^feature, [^,]*, has changes$")
        expect(desk.locator(".tree").get_by_role("treeitem", name=read)).to_be_visible(timeout=TURN_MS)

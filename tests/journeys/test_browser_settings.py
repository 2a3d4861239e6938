"""Settings in a browser: saved as they are changed, the same on every device, plain forms without scripts."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.journeys.browsing import Visitor, go
from tests.journeys.conftest import AT_BOTH_SIZES, Shoot
from tests.journeys.curl import wait_for
from tests.journeys.looking import is_phone

pytestmark = [pytest.mark.browser, pytest.mark.timeout(120)]

SECTIONS = [
    "profile",
    "appearance",
    "notifications",
    "keyboard",
    "organization",
    "environments",
    "usage",
    "model-key",
    "tokens",
]
# The browser's own part, which no test can click: what it answers, and what is asked of it.
PERMISSION = """Object.defineProperty(Notification, "permission", { get: () => localStorage.permission ?? "default" });
Notification.requestPermission = async () => (localStorage.permission = localStorage.answer ?? "granted");"""


def saved(page: Page, name: str) -> None:
    expect(page.locator(f'[data-saved="{name}"]')).to_have_text("Saved")


def theme(page: Page) -> str:
    return str(page.evaluate("document.documentElement.dataset.theme ?? ''"))


class TestAppearance:
    def test_is_saved_as_it_is_changed_and_follows_to_another_device(self, alice: Visitor, shoot: Shoot) -> None:
        page, other = alice.open("/settings/appearance/"), alice.open("/settings/profile/", alice.device())

        page.get_by_role("radio", name="Dark").check(force=True)
        saved(page, "theme")
        page.get_by_role("switch", name="Wrap long lines of code").check()
        saved(page, "wrap_code")
        shoot(page, "settings-appearance")

        assert theme(page) == "dark"
        go(other, other.url)
        assert theme(other) == "dark"
        assert page.evaluate("document.documentElement.hasAttribute('data-wrap-code')")
        go(page, page.url)
        expect(page.get_by_role("radio", name="Dark")).to_be_checked()

    def test_is_changed_in_all_tabs_at_once(self, alice: Visitor) -> None:
        first, second = alice.open("/settings/appearance/"), alice.open("/")

        first.get_by_role("radio", name="Dark").check(force=True)

        expect(second.locator("html")).to_have_attribute("data-theme", "dark")

    def test_speaks_another_language_from_the_next_moment_on(self, alice: Visitor) -> None:
        page = alice.open("/settings/appearance/")

        page.locator("select[name=language]").select_option("ja")
        expect(page.locator("html")).to_have_attribute("lang", "ja")
        page.locator("select[name=language]").select_option("")
        expect(page.locator("html")).to_have_attribute("lang", "en")

    def test_is_a_plain_form_without_scripts(self, alice: Visitor) -> None:
        page = alice.open("/settings/appearance/", alice.device(java_script_enabled=False))

        page.get_by_role("radio", name="Dark").check(force=True)
        page.get_by_role("button", name="Save").click()

        expect(page.get_by_role("status").filter(has_text="Saved")).to_be_visible()
        expect(page.locator("html")).to_have_attribute("data-theme", "dark")


class TestNotifications:
    def open(self, alice: Visitor, **stored: str) -> Page:
        alice.context.add_init_script(PERMISSION)
        page = alice.open("/settings/notifications/")
        page.evaluate("stored => Object.assign(localStorage, stored)", stored)
        go(page, page.url)
        return page

    @AT_BOTH_SIZES
    def test_are_turned_on_by_a_click_and_off_again(self, alice: Visitor, shoot: Shoot) -> None:
        page = self.open(alice)
        expect(page.get_by_text("Browser notifications are off on this device")).to_be_visible()

        page.get_by_role("button", name="Turn on").click()
        expect(page.get_by_text("Browser notifications are on")).to_be_visible()
        shoot(page, "settings-notifications")
        page.get_by_role("button", name="Turn off").click()

        expect(page.get_by_text("This browser would allow them.")).to_be_visible()
        wait_for(lambda: alice.person.call("GET", "/api/me/preferences")["notifications"] == "OFF", 10)

    def test_say_what_to_do_when_the_browser_blocks_them(self, alice: Visitor) -> None:
        page = self.open(alice, answer="denied")

        page.get_by_role("button", name="Turn on").click()

        expect(page.get_by_text("This browser blocks notifications from here.")).to_be_visible()
        assert alice.person.call("GET", "/api/me/preferences")["notifications"] == "UNDECIDED"

    def test_are_chosen_one_by_one(self, alice: Visitor) -> None:
        page = self.open(alice)

        page.get_by_role("switch", name="A turn ends").uncheck()
        saved(page, "notify_ended")

        assert alice.person.call("GET", "/api/me/preferences")["notify_ended"] is False


class TestTheWayThrough:
    @AT_BOTH_SIZES
    def test_leads_to_every_section_and_back(self, alice: Visitor) -> None:
        page = alice.open("/settings/")
        navigation = page.get_by_role("navigation", name="Settings")
        narrow = is_phone(page)

        for section in SECTIONS:
            navigation.locator(f'a[href*="/settings/{section}/"]').click()
            expect(page).to_have_url(re.compile(f"/settings/{section}/"))
            assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
            expect(navigation).to_be_visible(visible=not narrow)
            if narrow:
                page.get_by_role("link", name="All settings").click()

    def test_keeps_a_name_and_says_so_beside_the_button(self, alice: Visitor) -> None:
        page = alice.open("/settings/profile/")

        page.get_by_label("Name").fill("Alice Liddell")
        page.get_by_role("button", name="Save").click()

        expect(page.locator("form .saved")).to_have_text(re.compile("Saved"))
        expect(page.locator(".avatar.large")).to_have_text("AL")

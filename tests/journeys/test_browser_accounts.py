"""Getting in when it does not go smoothly: a wrong code, a wrong password, a forgotten one."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.journeys.browsing import as_newcomer, go
from tests.journeys.conftest import Stranger, Visit
from tests.journeys.person import PASSWORD
from tests.journeys.server import Server

pytestmark = [pytest.mark.browser, pytest.mark.timeout(120)]


@pytest.fixture(params=["desktop", "small"])
def size(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def sign_in(page: Page, email: str, password: str) -> None:
    page.get_by_label(re.compile("e-?mail", re.I)).fill(email)
    page.get_by_label("Password", exact=True).fill(password)
    page.get_by_role("button", name="Sign in").click()


class TestSigningIn:
    def test_with_a_wrong_password_says_so_and_keeps_the_address(
        self, visit: Visit, stranger: Stranger, size: str
    ) -> None:
        alice, page = visit(), stranger(size)
        go(page, alice.server.url)

        sign_in(page, alice.person.email, "something else entirely")

        expect(page.get_by_role("alert")).to_be_visible()
        expect(page.get_by_label(re.compile("e-?mail", re.I))).to_have_value(alice.person.email)
        sign_in(page, alice.person.email, PASSWORD)
        expect(page.get_by_role("heading", name="Let an agent build something")).to_be_visible()

    def test_after_a_code_was_mailed_for_a_forgotten_password(
        self, visit: Visit, stranger: Stranger, size: str
    ) -> None:
        alice, page = visit(), stranger(size)
        go(page, alice.server.url)

        page.get_by_role("link", name=re.compile("forgot", re.I)).click()
        page.get_by_label(re.compile("e-?mail", re.I)).fill(alice.person.email)
        page.locator("main form button.primary").click()
        page.get_by_label(re.compile("code", re.I)).first.fill(page.locator("#debug-code").inner_text())
        page.get_by_role("button", name="Confirm").click()
        page.get_by_label("New password", exact=True).fill("another-long-passphrase")
        page.get_by_label("Repeat new password", exact=True).fill("another-long-passphrase")
        page.locator("main form button.primary").click()
        expect(page.get_by_role("heading", name="Let an agent build something")).to_be_visible()


class TestSigningUp:
    def test_survives_a_wrong_code(self, server: Server, stranger: Stranger, size: str) -> None:
        page = stranger(size)

        def sign_up(email: str) -> None:
            go(page, f"{server.url}/accounts/signup/")
            page.get_by_label(re.compile("e-?mail", re.I)).fill(email)
            page.locator("input[type=password]").fill(PASSWORD)
            page.get_by_role("button", name="Create account").click()
            code = page.locator("#debug-code").inner_text()
            page.get_by_label(re.compile("code", re.I)).first.fill("WRONG-CODE")
            page.get_by_role("button", name="Confirm").click()
            expect(page.get_by_role("alert")).to_be_visible()
            page.get_by_label(re.compile("code", re.I)).first.fill(code)
            page.get_by_role("button", name="Confirm").click()
            expect(page.get_by_role("heading", name="Let an agent build something")).to_be_visible()

        as_newcomer(page, f"carol-{size}@example.com", sign_up)

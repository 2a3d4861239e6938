"""Slipway in Japanese, by a choice in the settings or by the browser: only names and what was written stay English."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.journeys.browsing import TURN_MS, Visitor, Watch, go, new_context, script, session_path
from tests.journeys.conftest import Shoot, Visit
from tests.journeys.looking import is_phone
from tests.journeys.person import PASSWORD

pytestmark = [pytest.mark.browser, pytest.mark.cli, pytest.mark.timeout(180)]

LEFT_IN_ENGLISH = Path(__file__).with_name("left_in_english.js").read_text()
ACTION = script([{"text": "I write it."}, {"tool": "Write", "input": {"file_path": "notes.md", "content": "hello\n"}}])


@pytest.fixture(params=["desktop", "phone"])
def alice(request: pytest.FixtureRequest, visit: Visit) -> Visitor:
    return visit(size=request.param)


def english(page: Page, *names: str) -> list[str]:
    """Visible texts, and what is only spoken or shown as a hint, in which a Latin word is no name."""
    found: list[str] = page.evaluate(LEFT_IN_ENGLISH, list(names))
    return found


class TestJapanese:
    def test_is_chosen_in_the_settings_and_holds_on_every_page(self, alice: Visitor, shoot: Shoot) -> None:
        names = [
            "sample",
            "feature",
            "Practice session",
            "notes.md",
            alice.person.email,
            alice.person.email.partition("@")[0],
        ]
        session = alice.session(alice.project(), ACTION)
        page = alice.open("/settings/appearance/")
        page.get_by_label("Language").select_option("ja")
        expect(page.get_by_label("言語")).to_be_visible()
        assert english(page, "English", *names) == []

        go(page, alice.server.url)
        expect(page.get_by_role("heading", name="sample").first).to_be_visible()
        assert english(page, *names) == []
        shoot(page, "japanese-dashboard")

        self.answer(page, alice, session_path(session), names, shoot)
        self.see_the_changes(page, names, shoot)
        self.hear_of_an_error(page, alice)

        go(page, alice.server.url + "/settings/appearance/")
        page.get_by_label("言語").select_option("en")
        expect(page.get_by_label("Language")).to_be_visible()

    @staticmethod
    def answer(page: Page, alice: Visitor, path: str, names: list[str], shoot: Shoot) -> None:
        go(page, alice.server.url + path)
        allow = page.locator("section.permission").get_by_role("button", name="1 回だけ許可")
        expect(allow).to_be_visible(timeout=TURN_MS)
        assert english(page, *names) == []
        shoot(page, "japanese-permission")
        allow.click()
        expect(page.locator(".turn-footer")).to_be_visible(timeout=TURN_MS)
        assert english(page, *names) == []

    @staticmethod
    def see_the_changes(page: Page, names: list[str], shoot: Shoot) -> None:
        if is_phone(page):
            page.get_by_role("navigation", name="ペイン").get_by_role("button", name="変更").click()
        expect(page.get_by_role("tabpanel").get_by_text("1 ファイル変更")).to_be_visible(timeout=TURN_MS)
        assert english(page, *names) == []
        shoot(page, "japanese-changes")

    @staticmethod
    def hear_of_an_error(page: Page, alice: Visitor) -> None:
        """The API's message, whose code is the same in every language."""
        alice.watch.forgive("status of 404")
        answer = page.evaluate(
            """async () => (await fetch("/api/sessions/00000000-0000-7000-8000-000000000000")).json()"""
        )
        assert (answer["error"], answer["message"]) == ("not_found", "存在しないか、アクセス権がありません。")


class TestANewcomer:
    def test_signs_up_in_the_language_of_the_browser(self, visit: Visit, shoot: Shoot) -> None:
        """Mail and the pages behind the sign-up too; a choice of English is stronger than the browser's wish."""
        host = visit()
        context = new_context(host.browser, "phone", locale="ja-JP")
        watch = Watch(context, host.server.url)
        page = context.new_page()
        go(page, host.server.url + "/accounts/signup/")
        expect(page.locator("html")).to_have_attribute("lang", "ja")
        expect(page.get_by_role("button", name="English")).to_be_visible()
        assert english(page) == []
        shoot(page, "japanese-sign-up")

        page.get_by_label("メールアドレス").fill("hanako@example.com")
        page.get_by_label("パスワード", exact=True).fill(PASSWORD)
        page.get_by_role("button", name="アカウントを作成").click()
        page.get_by_label(re.compile("コード")).first.fill(page.locator("#debug-code").inner_text())
        page.get_by_role("button", name="確認").click()

        expect(page.get_by_role("heading", name="エージェントに何か作らせてみましょう")).to_be_visible()
        assert english(page, "hanako@example.com", "hanako") == []
        go(page, host.server.url + "/settings/appearance/")
        page.get_by_label("言語").select_option("en")
        expect(page.get_by_label("Language")).to_be_visible()
        assert watch.wrong == []
        context.close()

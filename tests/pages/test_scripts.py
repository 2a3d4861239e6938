"""The scripts' texts in the page's language: a script of their own before the bundle, and used by it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import polib
import pytest
from playwright.sync_api import sync_playwright
from pytest_django.fixtures import Settings

from accounts.models import User
from config.localization import catalogues, portions
from pages.templatetags import scripts
from tests.pages import built
from tests.pages.conftest import browser

JAPANESE = """
msgid ""
msgstr ""
"Content-Type: text/plain; charset=UTF-8\\n"
"Plural-Forms: nplurals=1; plural=0;\\n"

msgid "The agent gave no plan."
msgstr "計画は</script>ありません。"

msgid "{count} line"
msgid_plural "{count} lines"
msgstr[0] "{count} 行"

msgid "Approve this plan?"
msgstr "この計画を承認しますか"
"""


def texts() -> str:
    return catalogues.script(polib.pofile(JAPANESE), [], is_last=True)


@pytest.fixture
def japanese(tmp_path: Path, settings: Settings) -> Iterator[None]:
    (tmp_path / "texts").mkdir()
    for portion in portions.PORTIONS:
        (tmp_path / "texts" / f"ja{portion}.js").write_text(texts())
    settings.STATICFILES_DIRS = [tmp_path]
    scripts._is_compiled.cache_clear()
    yield
    scripts._is_compiled.cache_clear()


def page_in(language: str) -> str:
    return browser().get("/accounts/login/", headers={"Accept-Language": language}).content.decode()


class TestTranslations:
    def test_come_before_the_scripts_that_use_them(self, db: None, japanese: None) -> None:
        page = page_in("ja")
        found = re.findall(r'<script (?:defer|type="module") src="([^"]+)" nonce="[^"]+">', page)

        assert [re.sub(r"-\w{8}\.", ".", address) for address in found] == [
            "/static/texts/ja.js",
            "/static/dist/main.js",
        ]

    def test_of_what_comes_later_keep_nothing_waiting(self, alice: User, japanese: None) -> None:
        page = browser(alice).get("/", headers={"Accept-Language": "ja"}).content.decode()
        found = re.findall(r'<script (\w+)[^>]* src="/static/(?:texts|dist)/(\w[\w-]*?)(?:-\w{8})?\.', page)
        kinds = [("defer", "ja"), ("defer", "ja-inside"), ("async", "ja-later"), ("type", "main")]

        assert [one for one in found if one[0] != "src"] == kinds

    def test_are_left_out_in_the_language_of_the_sources(self, db: None, japanese: None) -> None:
        assert "/texts/" not in page_in("en")

    def test_are_left_out_where_nothing_was_compiled(self, db: None, settings: Settings, tmp_path: Path) -> None:
        settings.STATICFILES_DIRS = [tmp_path]
        scripts._is_compiled.cache_clear()

        page = page_in("ja")

        scripts._is_compiled.cache_clear()
        assert "/texts/" not in page


@pytest.mark.browser
class TestTheBundle:
    def test_speaks_the_language_of_the_page(self) -> None:
        said = texts()
        head = (
            f'<meta charset="utf-8"><script defer src="/ja.js"></script>{built.head("slw-session", "slw-permission")}'
        )
        with sync_playwright() as playwright:
            launched = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
            page = launched.new_page()
            page.route(
                "**/*",
                lambda route: (
                    built.serve(route) or route.fulfill(body=f'<html lang="ja">{head}', content_type="text/html")
                ),
            )
            page.route("**/ja.js", lambda route: route.fulfill(body=said, content_type="text/javascript"))
            page.goto("http://slipway.test/page")
            page.wait_for_function("customElements.get('slw-permission') !== undefined")
            text = page.evaluate(
                """async () => {
                    const card = document.createElement("slw-permission");
                    card.pending = [{id: "p", kind: "PLAN", tool: "", input: {}, description: "", suggestions: []}];
                    document.body.append(card);
                    await card.updateComplete;
                    return card.textContent;
                }"""
            )
            launched.close()

        assert "この計画を承認しますか" in text
        assert "計画は</script>ありません。" in text

"""The scripts' texts in the page's language: written into the page as data, and used by the built bundle."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import sync_playwright
from pytest_django.fixtures import Settings

from config.env import BASE_DIR
from sessions.templatetags import scripts
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
POLISH_PLURALS = "nplurals=3; plural=(n==1 ? 0 : n%10>=2 && n%10<=4 && (n%100<10 || n%100>=20) ? 1 : 2);"


def compiled(folder: Path, language: str, text: str) -> Path:
    """A `locale` folder with one catalogue of the scripts' texts."""
    place = folder / language / "LC_MESSAGES"
    place.mkdir(parents=True)
    (place / "djangojs.po").write_text(text)
    subprocess.run(["msgfmt", "-o", place / "djangojs.mo", place / "djangojs.po"], check=True)
    return folder


@pytest.fixture
def japanese(tmp_path: Path, settings: Settings) -> Iterator[None]:
    settings.LOCALE_PATHS = [compiled(tmp_path, "ja", JAPANESE)]
    scripts.catalogue.cache_clear()
    yield
    scripts.catalogue.cache_clear()


def written(page: str) -> dict[str, Any] | None:
    found = re.search(r'<script id="translations" type="application/json">(.*?)</script>', page)
    return None if found is None else dict(json.loads(found.group(1)))


class TestTranslations:
    def test_are_in_the_page_of_who_asks_for_the_language(self, db: None, japanese: None) -> None:
        answer = browser().get("/accounts/login/", headers={"Accept-Language": "ja"}).content.decode()
        data = written(answer)

        assert data is not None
        assert data["texts"]["Approve this plan?"] == "この計画を承認しますか"
        assert data["texts"]["{count} line"] == ["{count} 行"]
        assert data["plurals"] == [0] * 200

    def test_cannot_end_the_block_that_they_are_in(self, db: None, japanese: None) -> None:
        page = browser().get("/accounts/login/", headers={"Accept-Language": "ja"}).content.decode()

        assert "計画は</script>" not in page
        assert page.count("</script>") == page.count("<script")

    def test_are_left_out_in_the_language_of_the_sources(self, db: None, japanese: None) -> None:
        assert written(browser().get("/accounts/login/").content.decode()) is None

    def test_tell_which_plural_form_each_count_takes(self, tmp_path: Path, settings: Settings) -> None:
        head = JAPANESE.partition('msgid "{count} line"')[0]
        forms = 'msgid "{count} line"\nmsgid_plural "{count} lines"\n' + "".join(
            f'msgstr[{number}] "{{count}} {form}"\n' for number, form in enumerate(["linia", "linie", "linii"])
        )
        text = head.replace("nplurals=1; plural=0;", POLISH_PLURALS) + forms
        settings.LOCALE_PATHS = [compiled(tmp_path, "pl", text)]
        scripts.catalogue.cache_clear()

        found = scripts.catalogue("pl")
        scripts.catalogue.cache_clear()

        assert found is not None
        assert [found["plurals"][count] for count in (0, 1, 2, 5, 12, 22, 111)] == [2, 0, 1, 2, 2, 1, 2]


class TestTheSources:
    def test_mark_each_sentence_so_that_makemessages_finds_it(self) -> None:
        sources = [path for path in (BASE_DIR / "frontend" / "src").rglob("*.ts") if path.name != "i18n.ts"]
        command = ["xgettext", "--language=JavaScript", "--keyword=gettext", "--keyword=ngettext:1,2"]
        command += ["--from-code=UTF-8", "--no-wrap", "--output=-", *map(str, sources)]
        found = subprocess.run(command, capture_output=True, check=True, text=True)
        marked = {
            match for path in sources for match in re.findall(r'\bn?gettext\("((?:[^"\\]|\\.)*)"', path.read_text())
        }

        # Its parser once took the rest of a file for a regular expression.
        assert marked - set(re.findall(r'^msgid "(.*)"$', found.stdout, re.MULTILINE)) == set()
        assert len(marked) > 300
        assert found.stderr == ""


@pytest.mark.browser
class TestTheBundle:
    def test_speaks_the_language_of_the_page(self, japanese: None) -> None:
        data = json.dumps(scripts.catalogue("ja")).replace("<", "\\u003C")
        html = f'<script id="translations" type="application/json">{data}</script>{built.head("slw-session")}'
        with sync_playwright() as playwright:
            launched = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
            page = launched.new_page()
            page.route("**/*", lambda route: built.serve(route) or route.fulfill(body=html, content_type="text/html"))
            page.goto("http://slipway.test/page")
            page.wait_for_function("customElements.get('slw-permission') !== undefined")
            text = page.evaluate(
                """async () => {
                    const card = document.createElement("slw-permission");
                    card.permission = {id: "p", kind: "PLAN", tool: "", input: {}, description: "", suggestions: []};
                    document.body.append(card);
                    await card.updateComplete;
                    return card.textContent;
                }"""
            )
            launched.close()

        assert "この計画を承認しますか" in text
        assert "計画は</script>ありません。" in text

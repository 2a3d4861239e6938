"""Catalogues: brought up to date, looked through and compiled, all in Python."""

from __future__ import annotations

import gettext
import json
from pathlib import Path

import polib
import pytest

from config.localization import catalogues
from config.localization.text import Text

FIRST = {"django": [Text("Sign in", places=("a.html",))], "djangojs": [Text("{count} line", "{count} lines")]}
PLACES = {
    "Close": "frontend/src/main.ts",
    "Send": "frontend/src/session/composer.ts",
    "Later": "sessions/engine/rest.py",
}
POLISH = r"""
msgid ""
msgstr ""
"Content-Type: text/plain; charset=UTF-8\n"
"Plural-Forms: nplurals=3; plural=(n==1 ? 0 : n%10>=2 && n%10<=4 && (n%100<10 || n%100>=20) ? 1 : 2);\n"

msgid "{count} line"
msgid_plural "{count} lines"
msgstr[0] "{count} linia"
msgstr[1] "{count} linie"
msgstr[2] "{count} linii"
"""


def translate(locale: Path, **said: str) -> None:
    for domain in catalogues.DOMAINS:
        path = catalogues.path_of("ja", domain, locale)
        catalogue = catalogues.read(path)
        for entry in catalogue:
            found = said.get(entry.msgid.replace(" ", "_"), "")
            if entry.msgid_plural:
                entry.msgstr_plural = {0: said.get("lines", "")}
            else:
                entry.msgstr = found
        catalogue.save(str(path))


def texts_in(script: Path) -> str:
    """What a script hands over."""
    return script.read_text().partition("})(")[2].rpartition("}")[0] + "}"


@pytest.fixture
def locale(tmp_path: Path) -> Path:
    catalogues.update(FIRST, tmp_path)
    return tmp_path


class TestUpdate:
    def test_keeps_translations_adds_what_is_new_and_drops_what_is_gone(self, locale: Path) -> None:
        translate(locale, Sign_in="サインイン", lines="{count} 行")
        catalogues.update(
            {"django": [Text("Sign out")], "djangojs": [Text("{count} line", "{count} lines"), Text("Sign in")]}, locale
        )

        server, scripts = (catalogues.read(catalogues.path_of("ja", domain, locale)) for domain in catalogues.DOMAINS)
        assert [(entry.msgid, entry.msgstr) for entry in server] == [("Sign out", "")]
        assert [entry.msgstr_plural or entry.msgstr for entry in scripts] == [{0: "{count} 行"}, "サインイン"]

    def test_changes_nothing_the_second_time(self, locale: Path) -> None:
        translate(locale, Sign_in="サインイン", lines="{count} 行")
        catalogues.update(FIRST, locale)
        before = [catalogues.path_of("ja", domain, locale).read_bytes() for domain in catalogues.DOMAINS]

        catalogues.update(FIRST, locale)

        assert [catalogues.path_of("ja", domain, locale).read_bytes() for domain in catalogues.DOMAINS] == before


class TestProblems:
    def test_finds_none_in_a_complete_catalogue(self, locale: Path) -> None:
        translate(locale, Sign_in="サインイン", lines="{count} 行")

        assert list(catalogues.problems(FIRST, locale)) == []

    def test_tells_of_what_is_missing_unknown_or_not_translated(self, locale: Path) -> None:
        other = {"django": [Text("Sign out")], "djangojs": FIRST["djangojs"]}

        assert list(catalogues.problems(other, locale)) == [
            "ja django lacks: Sign out",
            "ja django has what no source says: Sign in",
            "ja django: not translated: Sign in",
            "ja djangojs: not translated: {count} line",
        ]

    def test_tells_of_texts_with_the_same_mark(self, locale: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        translate(locale, Sign_in="サインイン", lines="{count} 行")
        monkeypatch.setattr(catalogues, "mark", len)
        texts = {"django": FIRST["django"], "djangojs": [*FIRST["djangojs"], Text("Sign out now")]}

        assert "these have the same mark, so one of them needs other words: {count} line / Sign out now" in list(
            catalogues.problems(texts, locale)
        )

    def test_tells_of_other_placeholders(self, locale: Path) -> None:
        translate(locale, Sign_in="サインイン", lines="行")

        assert list(catalogues.problems(FIRST, locale)) == [
            "ja djangojs: other placeholders than the source: {count} line → 行"
        ]

    def test_tells_of_a_sentence_that_is_said_twice(self, locale: Path) -> None:
        translate(locale, Sign_in="サインインしてください。サインインしてください。", lines="{count} 行")

        assert list(catalogues.problems(FIRST, locale)) == ["ja django: a sentence twice: Sign in"]


class TestCompile:
    def test_writes_what_django_reads_and_what_pages_load(self, locale: Path, tmp_path: Path) -> None:
        translate(locale, Sign_in="サインイン", lines="{count} 行")

        catalogues.compile_all(locale, tmp_path / "texts")

        with catalogues.path_of("ja", "django", locale).with_suffix(".mo").open("rb") as file:
            assert gettext.GNUTranslations(file).gettext("Sign in") == "サインイン"
        assert json.loads(texts_in(tmp_path / "texts" / "ja-later.js")) == {
            "texts": {catalogues.mark("{count} line"): ["{count} 行"]},
            "plurals": [],
        }

    def test_puts_each_text_where_it_is_needed_first(self, tmp_path: Path) -> None:
        texts = [Text(one, places=("environments/health.py", place)) for one, place in PLACES.items()]
        catalogues.update({"django": [], "djangojs": texts}, tmp_path)
        translate(tmp_path, Close="閉じる", Send="送信", Later="後で")

        catalogues.compile_all(tmp_path, tmp_path / "texts")

        portions = ["ja.js", "ja-inside.js", "ja-later.js"]
        said = [json.loads(texts_in(tmp_path / "texts" / name))["texts"] for name in portions]
        wanted = [{"Close": "閉じる"}, {"Send": "送信"}, {"Later": "後で"}]
        assert said == [{catalogues.mark(one): other for one, other in texts.items()} for texts in wanted]

    def test_marks_texts_as_the_scripts_do_but_for_those_with_values_of_the_server(self) -> None:
        texts = ("", "Close", "{count} line", "“Always allow” ✓ 🚢")
        assert [catalogues.mark(text) for text in texts] == ["tntfp", "0xxoj", "7xs9a", "h9mry"]

        entry = polib.POEntry(msgid="Removed by {0}.", msgstr="{0} が削除しました。")
        assert '{"Removed by {0}.":' in catalogues.script([entry], [], is_last=False)

    def test_tells_which_plural_form_each_count_takes(self) -> None:
        plurals = catalogues.plurals_of(polib.pofile(POLISH))

        assert [plurals[count] for count in (0, 1, 2, 5, 12, 22, 111)] == [2, 0, 1, 2, 2, 1, 2]

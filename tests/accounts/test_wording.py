"""What the server said in English, in the reader's language."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import polib
import pytest
from django.utils.translation import override
from pytest_django.fixtures import Settings

from accounts import wording
from accounts.errors import Invalid
from config.errors import problem_of
from sessions.protocol import error_frame

TEXTS = {
    "The session was stopped.": "セッションは停止されました。",
    "Send a message to go on.": "続けるにはメッセージを送信してください。",
    "The agent ended ({0}).": "エージェントが終了しました: {0}。",
    "signal {0}": "シグナル {0}",
    "Removed by {0}.": "{0} が削除しました。",
    "The agent did not take over the {0} “{1}”.": "エージェントは「{1}」: {0}に切り替えませんでした。",
}


@pytest.fixture(autouse=True)
def japanese(tmp_path: Path, settings: Settings) -> Iterator[None]:
    folder = tmp_path / "ja" / "LC_MESSAGES"
    folder.mkdir(parents=True)
    catalogue = polib.POFile()
    catalogue.extend(polib.POEntry(msgid=one, msgstr=said) for one, said in TEXTS.items())
    catalogue.metadata = {"Content-Type": "text/plain; charset=UTF-8"}
    catalogue.save_as_mofile(str(folder / "django.mo"))
    settings.LOCALE_PATHS = [tmp_path]
    wording._book.cache_clear()
    yield
    wording._book.cache_clear()


class TestTold:
    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("The session was stopped.", "セッションは停止されました。"),
            ("Removed by {0} $& Mr. X. Y.", "{0} $& Mr. X. Y が削除しました。"),
            (
                "The agent did not take over the model “a\\1”.",
                "エージェントは「a\\1」: modelに切り替えませんでした。",
            ),
            (
                "Removed by Mr. X. Send a message to go on.",
                "Mr. X が削除しました。続けるにはメッセージを送信してください。",
            ),
            ("Nobody knows why. The session was stopped.", "Nobody knows why. The session was stopped."),
            ("The session was stopped. Traceback. Boom!", "セッションは停止されました。 Traceback. Boom!"),
            ("The agent ended (signal 9).", "エージェントが終了しました: シグナル 9。"),
            ("", ""),
        ],
    )
    def test_is_one_text_with_its_values_or_sentence_by_sentence(self, text: str, said: str) -> None:
        with override("ja"):
            assert wording.told(text) == said

    def test_leaves_english_as_it_is(self) -> None:
        with override("en"):
            assert wording.told("The session was stopped.") == "The session was stopped."

    def test_is_quick_with_what_an_agent_wrote(self) -> None:
        with override("ja"):
            assert wording.told("Removed by " * 20_000) == "Removed by " * 20_000


class TestErrors:
    def test_are_told_in_the_readers_language_and_keep_their_code(self) -> None:
        error = Invalid.field("name", "Removed by Bob.")
        with override("ja"):
            problem, frame = problem_of(error).told(), error_frame(error)

        assert (problem.code, problem.message) == ("validation_error", "Bob が削除しました。")
        assert problem.details == frame["details"] == [{"field": "name", "message": "Bob が削除しました。"}]
        assert frame["message"] == "Bob が削除しました。"


class TestLanguageOf:
    @pytest.mark.parametrize(
        ("cookies", "accepted", "language"),
        [({}, b"ja,en;q=0.5", "ja"), ({"django_language": "en"}, b"ja", "en"), ({}, b"", "en"), ({}, b"xx", "en")],
    )
    def test_goes_by_the_choice_then_by_the_browser(
        self, cookies: dict[str, str], accepted: bytes, language: str
    ) -> None:
        scope = {"cookies": cookies, "headers": [(b"accept-language", accepted)]}

        assert wording.language_of(scope) == language

"""What the server said in English, in the reader's language.

Errors, the log and rows hold whole English sentences: programs and agents read them too, and one text has readers of
several languages. A page or an error's answer looks them up when it shows them, values that were filled in included.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from types import SimpleNamespace
from typing import Any, NamedTuple

import polib
from django.conf import settings
from django.utils.translation import get_language, get_language_from_request

VALUE = re.compile(r"\\\{(\d)\\\}")
SENTENCE_END = re.compile(r"(?<=[.!?]) ")
MAX_SENTENCES = 8


class Book(NamedTuple):
    texts: dict[str, str]
    forms: list[tuple[re.Pattern[str], str]]  # of the texts with values


def language_of(scope: Mapping[str, Any]) -> str:
    """What a socket's page speaks, found as Django finds it for a request."""
    accepted = dict(scope.get("headers", ())).get(b"accept-language", b"").decode("latin-1")
    request = SimpleNamespace(COOKIES=scope.get("cookies", {}), META={"HTTP_ACCEPT_LANGUAGE": accepted})
    return get_language_from_request(request)  # type: ignore[arg-type]


def told(text: str) -> str:
    """As one text or sentence by sentence. What is not known stays; behind known sentences it may be a program."""
    book = _book(get_language() or "")
    if not text or not book.texts:
        return text
    if text in book.texts:
        return book.texts[text]
    sentences = SENTENCE_END.split(text)
    for size in range(min(len(sentences), MAX_SENTENCES), 0, -1):
        if (found := _in_parts(book, sentences[:size])) is not None:
            return " ".join([found, *sentences[size:]])
    return _known(book, text) or text


def _in_parts(book: Book, sentences: list[str]) -> str | None:
    """The shortest beginning that is known, if the rest is known too."""
    if not sentences:
        return ""
    for size in range(1, len(sentences) + 1):
        found = _known(book, " ".join(sentences[:size]))
        rest = None if found is None else _in_parts(book, sentences[size:])
        if found is not None and rest is not None:
            return found + rest
    return None


def _known(book: Book, text: str) -> str | None:
    """A text as the catalogue has it, or with values; those may be texts themselves."""
    if text in book.texts:
        return book.texts[text]
    for form, said in book.forms:
        if found := form.fullmatch(text):
            return said.format(*(_known(book, value) or value for _, value in sorted(found.groupdict().items())))
    return None


@cache
def _book(language: str) -> Book:
    paths = [place / language / "LC_MESSAGES" / "django.mo" for place in settings.LOCALE_PATHS]
    entries = [entry for path in paths if path.exists() for entry in polib.mofile(str(path))]
    texts = {entry.msgid: entry.msgstr for entry in entries if entry.msgstr}
    return Book(texts, [(_form(one), said) for one, said in texts.items() if re.search(r"\{\d\}", one)])


def _form(text: str) -> re.Pattern[str]:
    return re.compile(VALUE.sub(r"(?P<v\1>.+?)", re.escape(text)), re.DOTALL)

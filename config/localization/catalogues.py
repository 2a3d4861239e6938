"""The catalogues (`locale/<language>/LC_MESSAGES/<domain>.po`): brought up to date, looked through, compiled."""

from __future__ import annotations

import gettext
import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import polib

from config.localization import portions
from config.localization.text import Text, placeholders

ROOT = Path(__file__).resolve().parents[2]
LOCALE = ROOT / "locale"
SCRIPTS = ROOT / "static" / "texts"
LANGUAGES = ("ja",)  # English is what the sources say
DOMAINS = ("django", "djangojs")
WIDTH = 118
LONG_SENTENCE = 8  # shorter ones may well come again
COUNTS = range(200)  # plural forms repeat with the last two digits
HEAD = {
    "Project-Id-Version": "Slipway",
    "Content-Type": "text/plain; charset=UTF-8",
    "Content-Transfer-Encoding": "8bit",
    "MIME-Version": "1.0",
}
# Puts its texts with those that are there already; the last one tells who waits for it.
TAKES = (
    "((said,isLast)=>{const all=globalThis.slipwayTexts??={texts:{},plurals:[]};Object.assign(all.texts,said.texts);"
    'all.plurals=said.plurals;if(isLast){all.isWhole=true;dispatchEvent(new Event("slw-texts"))}})'
)
PLURALS = {"ja": "nplurals=1; plural=0;"}
# Into which the server puts values: the scripts look for these in what it says, word by word.
TOLD = re.compile(r"\{\d\}")
DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


def path_of(language: str, domain: str, locale: Path = LOCALE) -> Path:
    return locale / language / "LC_MESSAGES" / f"{domain}.po"


def read(path: Path) -> polib.POFile:
    return polib.pofile(str(path), wrapwidth=WIDTH)


def update(texts: dict[str, list[Text]], locale: Path = LOCALE) -> None:
    """Take in what the sources say and drop what they no longer do; both domains know each other's translations."""
    for language in LANGUAGES:
        paths = {domain: path_of(language, domain, locale) for domain in DOMAINS}
        known = {entry.msgid: entry for path in paths.values() if path.exists() for entry in read(path)}
        for domain, path in paths.items():
            catalogue = polib.POFile(wrapwidth=WIDTH)
            catalogue.metadata = {**HEAD, "Language": language, "Plural-Forms": PLURALS[language]}
            catalogue.extend(_entry(text, known.get(text.one), language) for text in texts[domain])
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"{catalogue}")


def _entry(text: Text, known: polib.POEntry | None, language: str) -> polib.POEntry:
    entry = polib.POEntry(msgid=text.one, occurrences=[(place, "") for place in text.places])
    if "%(" in text.one:
        entry.flags = ["python-format"]
    said = (known.msgstr or known.msgstr_plural.get(0, "")) if known else ""
    if text.many:
        entry.msgid_plural = text.many
        forms = range(int(PLURALS[language].partition("nplurals=")[2].partition(";")[0]))
        entry.msgstr_plural = {form: (known.msgstr_plural.get(form, said) if known else "") for form in forms}
    else:
        entry.msgstr = said
    return entry


def problems(texts: dict[str, list[Text]], locale: Path = LOCALE) -> Iterator[str]:
    """What keeps a catalogue from being complete and right, a line each."""
    for language in LANGUAGES:
        said: dict[str, set[str]] = {}
        for domain in DOMAINS:
            entries = {entry.msgid: entry for entry in read(path_of(language, domain, locale))}
            wanted = {text.one for text in texts[domain]}
            yield from (f"{language} {domain} lacks: {one}" for one in sorted(wanted - entries.keys()))
            yield from (
                f"{language} {domain} has what no source says: {one}" for one in sorted(entries.keys() - wanted)
            )
            for entry in entries.values():
                yield from (f"{language} {domain}: {problem}" for problem in _problems_of(entry))
                said.setdefault(entry.msgid, set()).add(entry.msgstr or entry.msgstr_plural.get(0, ""))
        yield from (f"{language} has two translations of: {one}" for one, ways in sorted(said.items()) if len(ways) > 1)
    yield from _same_marks(text.one for text in texts["djangojs"])


def _same_marks(texts: Iterable[str]) -> Iterator[str]:
    found: dict[str, str] = {}
    for text in texts:
        other = found.setdefault(mark(text), text)
        if other != text:
            yield f"these have the same mark, so one of them needs other words: {other} / {text}"


def _problems_of(entry: polib.POEntry) -> Iterator[str]:
    if entry.fuzzy or entry.obsolete:
        yield f"fuzzy or obsolete: {entry.msgid}"
    for said in entry.msgstr_plural.values() if entry.msgid_plural else [entry.msgstr]:
        if not said:
            yield f"not translated: {entry.msgid}"
        elif placeholders(said) != placeholders(entry.msgid_plural or entry.msgid):
            yield f"other placeholders than the source: {entry.msgid} → {said}"
        elif said[:1].isspace() != entry.msgid[:1].isspace() or said[-1:].isspace() != entry.msgid[-1:].isspace():
            yield f"other spaces around it than the source: {entry.msgid}"
        elif _says_twice(said):
            yield f"a sentence twice: {entry.msgid}"


def _says_twice(said: str) -> bool:
    sentences = [one for one in said.split("。") if len(one) >= LONG_SENTENCE]
    return len(sentences) > len(set(sentences))


def compile_all(locale: Path = LOCALE, scripts: Path = SCRIPTS) -> None:
    """Write what Django reads beside each catalogue, and what pages load: a script a portion, cached by its hash."""
    scripts.mkdir(parents=True, exist_ok=True)
    for language in LANGUAGES:
        for domain in DOMAINS:
            path = path_of(language, domain, locale)
            read(path).save_as_mofile(str(path.with_suffix(".mo")))
        catalogue = read(path_of(language, "djangojs", locale))
        for portion, entries in portions.split(catalogue):
            is_last = portion == portions.LATER
            (scripts / f"{language}{portion}.js").write_text(script(entries, plurals_of(catalogue), is_last=is_last))


def plurals_of(catalogue: polib.POFile) -> list[int]:
    """Which form each count takes; empty when all take the first."""
    form = gettext.c2py(catalogue.metadata["Plural-Forms"].partition("plural=")[2].partition(";")[0])
    forms = [form(count) for count in COUNTS]
    return forms if any(forms) else []


def mark(text: str) -> str:
    """What stands for a text in the scripts, as `markOf` in i18n.ts has it: the end of its FNV-1a hash, in base 36."""
    value = 0x811C9DC5
    for unit in memoryview(text.encode("utf-16-le")).cast("H"):
        value = (value ^ unit) * 0x01000193 & 0xFFFFFFFF
    digits = ""
    while value:
        value, digit = divmod(value, len(DIGITS))
        digits = DIGITS[digit] + digits
    return digits[-5:]


def script(entries: Iterable[polib.POEntry], plurals: list[int], *, is_last: bool) -> str:
    """`texts` by marks of their English, lists where there are plural forms, and `plurals`: they come in any order."""
    texts: dict[str, str | list[str]] = {}
    for entry in entries:
        key = entry.msgid if TOLD.search(entry.msgid) else mark(entry.msgid)
        texts[key] = list(entry.msgstr_plural.values()) if entry.msgid_plural else entry.msgstr
    told = json.dumps({"texts": texts, "plurals": plurals}, ensure_ascii=False, separators=(",", ":"))
    return f"{TAKES}({told}{',1' if is_last else ''});\n"

"""Texts that people would see and nobody marked, so that they stay English for everybody."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from html.parser import HTMLParser

from config.localization.python import MARKERS, PLURAL_MARKERS, SENTENCE, literal

HOLE = "¤"  # what is filled in
WORD = re.compile(r"[A-Za-z]{2}")
SPOKEN_ATTRIBUTES = {"alt", "aria-description", "aria-label", "aria-roledescription", "label", "placeholder", "title"}
SPOKEN_ATTRIBUTES |= {"data-title", "data-label"}
# Names of keys, code, examples and names of ours are the same in all languages.
UNTRANSLATED_TAGS = {"code", "kbd", "pre", "samp", "script", "style", "title"}
NAMES = re.compile(
    r"\b(Slipway|Claude Code|Claude|GitHub|Ctrl|Shift|Enter|Esc|Tab|Alt|Cmd|API|URL|JSON|MB|https?://\S*)\b|sk-ant-"
)
TEMPLATE_TAG = re.compile(r"{%.*?%}|{{.*?}}|{#.*?#}", re.DOTALL)
BLOCK = re.compile(r"{% blocktranslate.*?{% endblocktranslate %}|{% comment %}.*?{% endcomment %}", re.DOTALL)
SPOKEN_KEYWORDS = {"label", "help_text", "placeholder", "empty_label"}
SPOKEN_PROPERTY = re.compile(
    r"(?:\b(?:title|label|placeholder|group|hint|detail|help|text)(?::| =)|\btoast\(|\.(?:textContent|ariaLabel) =|"
    r'"aria-label",)\s*"([^"\\]*[A-Za-z]{2}[^"\\]*)"'
)


class _Texts(HTMLParser):
    """The words of a piece of markup, and of the attributes that are read or shown."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open.append(tag)
        self.found += [value for name, value in attrs if name in SPOKEN_ATTRIBUTES and value and _is_bare(value)]

    def handle_endtag(self, tag: str) -> None:
        if tag in self.open:
            while self.open and self.open.pop() != tag:
                pass

    def handle_data(self, data: str) -> None:
        if not UNTRANSLATED_TAGS & set(self.open) and _is_bare(data):
            self.found.append(data.strip())


def _is_bare(text: str) -> bool:
    return bool(WORD.search(NAMES.sub("", text)))


def in_markup(markup: str) -> list[str]:
    reader = _Texts()
    reader.feed(markup)
    reader.close()
    return reader.found


def in_template(source: str) -> list[str]:
    """What stands in a Django template beside its tags."""
    return in_markup(TEMPLATE_TAG.sub(HOLE, BLOCK.sub("", source)).replace(f"<{HOLE}", "<x"))


def in_typescript(source: str) -> list[str]:
    """What stands in Lit's templates beside what they fill in, and in properties that are shown."""
    found = [text for markup in _markups(source) for text in in_markup(markup)]
    return found + [text for text in SPOKEN_PROPERTY.findall(_without_comments(source)) if _is_text(text)]


def _is_text(value: str) -> bool:
    """A word with a capital letter, or several words; `waiting` is a class or a name."""
    return bool(re.match(r"[A-Z][a-z]|\w+ \w", value)) and _is_bare(value)


def _without_comments(source: str) -> str:
    return re.sub(r"/\*.*?\*/|(?:^|(?<=[\s;]))//.*?$", "", source, flags=re.DOTALL | re.MULTILINE)


def _markups(source: str) -> Iterator[str]:
    """Each template after `html` or `svg`, with a hole for every value; those inside of values come by themselves."""
    for start in re.finditer(r"\b(?:html|svg)`", source):
        yield _markup(source, start.end())


def _markup(source: str, at: int) -> str:
    parts: list[str] = []
    while at < len(source) and source[at] != "`":
        if source.startswith("${", at):
            at = _after_value(source, at + 2)
            parts.append(HOLE)
        else:
            at += source[at] == "\\"
            parts.append(source[at : at + 1])
            at += 1
    return "".join(parts)


def _after_value(source: str, at: int) -> int:
    """Behind the closing brace of the value that begins here, whatever strings and templates are in it."""
    while at < len(source) and source[at] != "}":
        if source[at] == "{":
            at = _after_value(source, at + 1)
        elif source[at] in "\"'":
            at = _after_string(source, at)
        elif source[at] == "`":
            at = _after_template(source, at + 1)
        else:
            at += 1
    return at + 1


def _after_string(source: str, at: int) -> int:
    quote, at = source[at], at + 1
    while at < len(source) and source[at] != quote:
        at += 2 if source[at] == "\\" else 1
    return at + 1


def _after_template(source: str, at: int) -> int:
    while at < len(source) and source[at] != "`":
        at = _after_value(source, at + 2) if source.startswith("${", at) else at + (2 if source[at] == "\\" else 1)
    return at + 1


def in_python(source: str) -> list[str]:
    """In forms and views: sentences outside of gettext's calls, and labels that are none of them."""
    return list(_in_node(ast.parse(source)))


def _in_node(node: ast.AST) -> Iterator[str]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Call) and getattr(child.func, "id", "") in MARKERS | PLURAL_MARKERS:
            continue
        if isinstance(child, ast.Raise) or (isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant)):
            continue  # errors are translated when they are shown, docstrings never
        said = literal(child) if isinstance(child, ast.expr) else None
        if said is not None:
            label = isinstance(node, ast.keyword) and node.arg in SPOKEN_KEYWORDS and _is_bare(said)
            if label or SENTENCE.fullmatch(said):
                yield said
        else:
            yield from _in_node(child)

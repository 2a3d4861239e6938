"""Texts in Python: what gettext's functions mark, the errors' docstrings, and the sentences of the server.

Errors and the log speak English in whole sentences, and are translated when they are shown (`accounts.wording`). So
nothing marks them: whatever looks like a sentence is one. What stands in braces of an f-string becomes `{0}`, `{1}`, …
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from itertools import count

from config.localization.text import Text

ERRORS = {"Conflict", "Forbidden", "GitFailed", "Invalid", "NotFound", "RateLimited"}
MARKERS = {"gettext", "gettext_lazy", "gettext_noop", "_"}
PLURAL_MARKERS = {"ngettext", "ngettext_lazy"}
SENTENCE = re.compile(r"[A-Z“{][^\n]*[.!?…]|[A-Z]\w* [\w' ]+: \{\d\}")
LAST_VALUE = re.compile(r"(?<=[.!?])(?: \{\d\})+$")  # another sentence follows, which is a text of its own
WORDS = re.compile(r"[a-z]{2}")
UNSHOWN_ARGUMENTS = {"description", "help", "hint", "documentation", "title", "summary"}
LOGS = {"log", "logger", "metrics"}


def marked(source: str) -> Iterator[Text]:
    """What stands in a call of gettext's functions."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and (name := _name(node.func)) in MARKERS | PLURAL_MARKERS and node.args:
            words = [literal(argument) for argument in node.args[: 2 if name in PLURAL_MARKERS else 1]]
            if all(words):
                yield Text.of(word for word in words if word)


def noted(source: str) -> Iterator[Text]:
    """Words that are kept in English and translated when they are shown: what `gettext_noop` marks."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and _name(node.func) == "gettext_noop" and (word := literal(node.args[0])):
            yield Text(word)


def sentences(source: str) -> Iterator[Text]:
    """The docstrings of errors, and the sentences that are neither documentation nor for the log of the server."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.ClassDef)
            and _is_error(node)
            and (said := ast.get_docstring(node))
            and "\n" not in said
        ):
            yield Text(said)
    for expression in _expressions(tree):
        said = LAST_VALUE.sub("", literal(expression) or "")
        if SENTENCE.fullmatch(said) and WORDS.search(re.sub(r"\{\d\}", "", said)):
            yield Text(said)


def literal(node: ast.expr) -> str | None:
    """A string as it is written; numbers stand for the values of an f-string, or of `%` in the guest."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mod) and (form := literal(node.left)):
        numbers = count()
        return re.sub(r"%[sd]", lambda _: f"{{{next(numbers)}}}", form)
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if not isinstance(node, ast.JoinedStr):
        return None
    numbers = count()
    return "".join(
        str(part.value) if isinstance(part, ast.Constant) else f"{{{next(numbers)}}}" for part in node.values
    )


def _is_error(node: ast.ClassDef) -> bool:
    return any(name.endswith("Error") or name in ERRORS for name in map(_name, node.bases))


def _expressions(node: ast.AST) -> Iterator[ast.expr]:
    """All that may be a text: no docstrings, nothing that only programs read, no parts of f-strings."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant):
            continue
        if isinstance(child, ast.keyword) and child.arg in UNSHOWN_ARGUMENTS:
            continue
        if isinstance(child, ast.Call) and _name(getattr(child.func, "value", child.func)) in LOGS:
            continue
        if isinstance(child, ast.expr) and literal(child) is not None:
            yield child
            continue
        yield from _expressions(child)


def _name(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""

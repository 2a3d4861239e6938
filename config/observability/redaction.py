"""Secrets never reach a log: fields by their names, text by its shape, and our own keys wherever they stand."""

from __future__ import annotations

import re
from collections.abc import Iterable, MutableMapping
from typing import Any

HIDDEN = "[redacted]"
NAMES = re.compile(
    r"authorization|cookie|token$|^token|password|passwd|secret|api[_-]?key|private[_-]?key|credential|dsn$|session[_-]?key|csrf",
    re.IGNORECASE,
)
HARMLESS = {"token_id"}


def _pair(names: str) -> re.Pattern[str]:
    """`name=value`, `name: value` and the same in JSON."""
    return re.compile(rf"(?i)(?<![a-z0-9])({names})(['\"]?\s*[=:]\s*['\"]?)[^\s'\",;&]{{4,}}")


SHAPES = [
    (re.compile(r"(?i)\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{8,}"), rf"\1 {HIDDEN}"),
    (re.compile(r"\bsk-[A-Za-z0-9_-]{6,}"), HIDDEN),
    (re.compile(r"\bgh[pousr]_[A-Za-z0-9]{8,}|\bgithub_pat_[A-Za-z0-9_]{8,}|\bglpat-[A-Za-z0-9_-]{8,}"), HIDDEN),
    (re.compile(r"\bslpg?_[A-Za-z0-9_-]{8,}"), HIDDEN),  # our own tokens
    (re.compile(r"\b([a-z][a-z0-9+.-]*://)[^\s/@'\"]*:[^\s/@'\"]*@"), rf"\1{HIDDEN}@"),
    (re.compile(r"\b([a-z][a-z0-9+.-]*://)[^\s/@:'\"]{16,}@"), rf"\1{HIDDEN}@"),
    (re.compile(r"(?i)\b((?:__Host-)?(?:sessionid|csrftoken))=[^\s;,'\"&]+"), rf"\1={HIDDEN}"),
    (_pair("password|passwd|(?:client[_-]?)?secret|(?:secret[_-]?)?access[_-]?key|api[_-]?key"), rf"\1\2{HIDDEN}"),
    (_pair("(?:access|auth|refresh)?[_-]?token"), rf"\1\2{HIDDEN}"),
    # What PostgreSQL quotes of a row or of JSON: a tenant's words.
    (re.compile(r"(?ms)^(DETAIL|CONTEXT):.*?(?=^HINT: |^The above |^During handling |\Z)"), rf"\1: {HIDDEN}\n"),
    (re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL), HIDDEN),
]  # fmt: skip
MAX_DEPTH = 6
SHORTEST = 8  # characters of a secret that is looked for by itself

_own: set[str] = set()


def hide(values: Iterable[str]) -> None:
    """Look for these secrets of ours, wherever they stand, from now on."""
    _own.update(value for value in values if len(value) >= SHORTEST)


def redact_text(text: str) -> str:
    """The text without what looks like a secret."""
    for value in _own:
        text = text.replace(value, HIDDEN)
    for shape, instead in SHAPES:
        text = shape.sub(instead, text)
    return text


def redact(value: Any, name: str = "", depth: int = 0) -> Any:
    """A value of a log line, with all that is in it."""
    if isinstance(value, (int, float, bool)) or value is None or value == "":
        return value
    if name and name not in HARMLESS and NAMES.search(name):
        return HIDDEN
    if isinstance(value, str):
        return redact_text(value)
    if depth >= MAX_DEPTH:
        return "…"
    if isinstance(value, dict):
        return {key: redact(item, str(key), depth + 1) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [redact(item, "", depth + 1) for item in value]
    return redact_text(value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value))


def processor(logger: Any, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """The last step before a line is written."""
    return {key: redact(value, key) for key, value in event.items()}

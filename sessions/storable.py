"""JSON that PostgreSQL can store: it takes neither NUL nor lone surrogates, and an agent may write both."""

from __future__ import annotations

import json
from typing import Any


def dump(value: Any) -> str:
    """Compact JSON text; what cannot be stored becomes U+FFFD."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    if "\\u0000" not in text and not _has_surrogate(text):
        return text
    return json.dumps(clean(value), ensure_ascii=False, separators=(",", ":"))


def _has_surrogate(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False


def clean(value: Any) -> Any:
    match value:
        case str():
            return value.replace("\0", "\ufffd").encode("utf-8", "replace").decode() if _is_odd(value) else value
        case dict():
            return {clean(key): clean(item) for key, item in value.items()}
        case list() | tuple():
            return [clean(item) for item in value]
        case _:
            return value


def _is_odd(text: str) -> bool:
    return "\0" in text or _has_surrogate(text)

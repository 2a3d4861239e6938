"""JSON that PostgreSQL can store: it takes neither NUL nor lone surrogates, and an agent may write both."""

from __future__ import annotations

import json
import re
from typing import Any

_ODD = re.compile("[\0\ud800-\udfff]")
_ODD_IN_JSON = re.compile(r"\\u0000|[\ud800-\udfff]")


def dump(value: Any) -> str:
    """Compact JSON text; what cannot be stored becomes U+FFFD."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    if _ODD_IN_JSON.search(text):
        return json.dumps(clean(value), ensure_ascii=False, separators=(",", ":"))
    return text


def clean(value: Any) -> Any:
    """The same value with U+FFFD for what cannot be stored."""
    match value:
        case str():
            return _ODD.sub("\ufffd", value)
        case dict():
            return {clean(key): clean(item) for key, item in value.items()}
        case list() | tuple():
            return [clean(item) for item in value]
        case _:
            return value

"""Which texts of the scripts a page needs when: at once anywhere, at once inside, or later, with what comes then."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import polib

ROOT = Path(__file__).resolve().parents[2]
SOURCES = ROOT / "frontend" / "src"
MAIN = "main.ts"
# What is imported for its types only is in no bundle.
_IMPORTED = re.compile(r'^(?:import|export)(?! type)(?:[^"]*? from)? "(\.[^"]+\.ts)"', re.MULTILINE)
_PART = re.compile(r'"(slw-[\w-]+)": \(\) => import\("\./([^"]+)"\)')
_AT_ONCE = re.compile(r"^const AT_ONCE: [^=]+= \[([^\]]*)\];$", re.MULTILINE)

FIRST, INSIDE, LATER = "", "-inside", "-later"
PORTIONS = (FIRST, INSIDE, LATER)


def split(catalogue: polib.POFile) -> Iterator[tuple[str, list[polib.POEntry]]]:
    """The portions by what ends their files' names, each text in the first that needs it."""
    left = list(catalogue.translated_entries())
    for portion in PORTIONS:
        files = _files(portion)
        kept, others = list[polib.POEntry](), list[polib.POEntry]()
        for entry in left:
            is_in = files is None or not files.isdisjoint(place for place, _ in entry.occurrences)
            (kept if is_in else others).append(entry)
        left = others
        yield portion, kept


@cache
def _files(portion: str) -> frozenset[str] | None:
    """The sources, as catalogues name them; none for what is left."""
    if portion == LATER:
        return None
    return frozenset(_with_imports(MAIN) if portion == FIRST else _with_imports(*_parts_at_once()))


def _parts_at_once() -> list[str]:
    """The sources of the elements that pages have as soon as they are there."""
    text = (SOURCES / "parts.ts").read_text()
    named = _AT_ONCE.search(text)
    assert named is not None, "src/parts.ts does not say what is there at once"
    return [dict(_PART.findall(text))[name] for name in re.findall(r'"(slw-[\w-]+)"', named[1])]


def _with_imports(*roots: str) -> set[str]:
    """These and all that they import, but for what they load when it is asked for."""
    found, left = set[Path](), [(SOURCES / root).resolve() for root in roots]
    while left:
        path = left.pop()
        if path not in found:
            found.add(path)
            left += [(path.parent / name).resolve() for name in _IMPORTED.findall(path.read_text())]
    return {str(path.relative_to(ROOT)) for path in found}

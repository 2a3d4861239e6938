"""Finding a path by a few of its letters: in their order, the better the more they stand where words begin."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from itertools import islice

from projects.trees import Listing

MAX_CANDIDATES = 2000  # that are ranked, of each way to match
RECENT = 30  # as much as a name that begins so
_WORD_ENDS = frozenset(" -_.")


def find(listing: Listing, query: str, limit: int, recent: Collection[str] = ()) -> list[str]:
    """The best paths, the best first; without a query those that are recent, then what lies at the root."""
    wanted = query.strip().casefold().replace("\n", "")
    if not wanted:
        return list(dict.fromkeys([*recent, *listing.top()]))[:limit]
    found: dict[int, str] = {}
    for starts in (_names(listing.text, wanted), _literal(listing.text, wanted), _subsequence(listing.text, wanted)):
        found |= islice(_lines(listing.text, starts), MAX_CANDIDATES)
        if len(found) >= MAX_CANDIDATES:
            break
    ranked = [
        (-_score(folded.removesuffix("/"), wanted) - RECENT * (listing.paths[index] in recent), index)
        for index, folded in found.items()
    ]
    return [listing.paths[index] for _, index in sorted(ranked)[:limit]]


def _names(text: str, wanted: str) -> Iterator[int]:
    """Where a name begins so, that of a folder too, one a line."""
    if text.startswith(wanted):
        yield 0
    for before in ("/", "\n"):
        for place in _literal(text, before + wanted):
            end = text.find("\n", place + 1)
            end = len(text) if end < 0 else end
            if text.find("/", place + 1 + len(wanted), end - 1) < 0:
                yield place + 1


def _literal(text: str, wanted: str) -> Iterator[int]:
    place = text.find(wanted)
    while place >= 0:
        yield place
        place = text.find(wanted, place + len(wanted))


def _subsequence(text: str, wanted: str) -> Iterator[int]:
    """Where the letters come in this order within a line; linear in the text, whatever it and the letters are."""
    first, *others = [re.escape(letter) for letter in wanted if not letter.isspace()]
    rest = "".join(rf"[^{letter}\n]*+{letter}" for letter in others)
    for match in re.finditer(rf"{first}({rest})?[^\n]*+", text):
        if match[1] is not None:
            yield match.start()


def _lines(text: str, places: Iterable[int]) -> Iterator[tuple[int, str]]:
    """The lines that these places are in, with their numbers; counted on from one to the next where they rise."""
    line = counted = 0
    for place in places:
        if place < counted:
            line = counted = 0
        line += text.count("\n", counted, place)
        counted = place
        end = text.find("\n", place)
        yield line, text[text.rfind("\n", 0, place) + 1 : len(text) if end < 0 else end]


def _score(path: str, wanted: str) -> float:
    """How well the letters stand: in the name rather than in its folders, together, and where words begin."""
    letters = "".join(wanted.split())
    name_at = path.rfind("/") + 1
    start = path.find(wanted, name_at)
    found = start if start >= 0 else path.find(wanted)
    if found >= 0:
        score = _score_at(path, range(found, found + len(wanted)))
    else:
        score = max(_score_at(path, places) for places in (_places(path, letters, name_at), _places(path, letters, 0)))
    if start == name_at:
        score += 25 + 25 * (wanted in (path[name_at:], path[name_at:].rpartition(".")[0]))
    return score - len(path) / 40 - path.count("/") / 2


def _places(path: str, letters: str, start: int) -> list[int]:
    """Where the letters stand, each as early as it can; empty when they do not."""
    places = []
    position = start
    for letter in letters:
        position = path.find(letter, position)
        if position < 0:
            return []
        places.append(position)
        position += 1
    return places


def _score_at(path: str, places: Collection[int]) -> float:
    if not places:
        return float("-inf")
    name_at, before, score = path.rfind("/") + 1, -2, 0.0
    for place in places:
        score += 4 * (place == before + 1) + 2 * (place >= name_at)
        if place == 0 or path[place - 1] == "/":
            score += 8
        elif path[place - 1] in _WORD_ENDS:
            score += 5
        before = place
    return score

"""What a name for people to read may hold."""

from __future__ import annotations

import re

# Control characters, ends of lines, halves of surrogate pairs, and marks that turn the reading direction round, which
# can make one name look like another.
UNSAFE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")

# Marks that take no room: what looks like one text is another one.
UNSEEN = re.compile(
    "[\xad\u061c\u180e\u200b-\u200f\u2060-\u2064\u206a-\u206f\ufe00-\ufe0f\ufeff\ufff9-\ufffb\U000e0000-\U000e0fff]"
)


def one_line(text: str) -> str:
    """The text as it may stand among our own words: without what breaks lines, turns round or cannot be seen."""
    return " ".join(UNSEEN.sub("", UNSAFE.sub(" ", text)).split())

"""Count the words of a text."""

from __future__ import annotations

import sys
from collections import Counter


def count_words(text: str) -> Counter[str]:
    """How often each word occurs, whatever its case and the punctuation round it."""
    return Counter(word.strip(".,;:!?\"'()") for word in text.split())


def main() -> None:
    for word, count in count_words(sys.stdin.read()).most_common():
        print(f"{count:6d} {word}")


if __name__ == "__main__":
    main()

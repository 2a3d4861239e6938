"""Finding paths by a few letters."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from projects import finding, trees

PATHS = [
    "README.md",
    "docs/readme/style.md",
    "src/application/main.py",
    "src/application/model_view.py",
    "src/maps/index.ts",
    "tests/test_model_view.py",
    "tests/MainWindow.py",
]
LISTING = trees.listing(PATHS)


def find(query: str, limit: int = 50, recent: tuple[str, ...] = ()) -> list[str]:
    return finding.find(LISTING, query, limit, recent)


class TestFind:
    @pytest.mark.parametrize(
        ("query", "best"),
        [
            ("main", "src/application/main.py"),
            ("MAIN", "src/application/main.py"),
            ("mainw", "tests/MainWindow.py"),
            ("mv", "src/application/model_view.py"),
            ("tmv", "tests/test_model_view.py"),
            ("samp", "src/application/main.py"),
            ("src/ma", "src/maps/"),
            ("readme", "README.md"),
            ("maps", "src/maps/"),
            ("test model", "tests/test_model_view.py"),
            ("index.ts", "src/maps/index.ts"),
        ],
    )
    def test_gives_the_best_first(self, query: str, best: str) -> None:
        assert find(query)[0] == best

    def test_gives_nothing_where_the_letters_do_not_come_in_their_order(self) -> None:
        assert find("niam.yp") == []
        assert find("zz") == []

    def test_begins_with_what_is_recent_and_then_the_root(self) -> None:
        assert find("", recent=("src/maps/index.ts",)) == ["src/maps/index.ts", "docs/", "src/", "tests/", "README.md"]
        assert find("  ", limit=2) == ["docs/", "src/"]

    def test_prefers_what_is_recent(self) -> None:
        assert find("model", recent=("tests/test_model_view.py",))[0] == "tests/test_model_view.py"

    def test_gives_no_more_than_asked_for(self) -> None:
        assert len(find("e", limit=3)) == 3

    @given(
        st.lists(st.text("abA/._- é\u0130", min_size=1, max_size=12), max_size=8), st.text("abA/. é\u0130", max_size=5)
    )
    def test_finds_whatever_has_the_letters_in_their_order(self, paths: list[str], query: str) -> None:
        listing = trees.listing(dict.fromkeys(path.strip("/") for path in paths))
        letters = [letter for letter in query.casefold() if not letter.isspace()]
        if not letters:
            return

        found = finding.find(listing, query, 1000)

        def has(path: str) -> bool:
            rest = iter(path.casefold())
            return all(letter in rest for letter in letters)

        assert sorted(found) == sorted({path for path in listing.paths if has(path)})

    @pytest.mark.parametrize("query", ["a" * 100 + "b", "ab" * 50, "/" * 50, ".*" * 40, "(((((", "[^a]", "zzzz", "e"])
    def test_stays_quick_among_many_and_hostile_names(self, query: str) -> None:
        names = [f"{'a' * 900}/{'a' * 50}{number}" for number in range(1000)]
        names += [f"component/{number % 100}/handler_{number}.py" for number in range(100_000)]
        listing = trees.listing(names)

        began = time.process_time()
        finding.find(listing, query, 50)

        assert time.process_time() - began < 1.0

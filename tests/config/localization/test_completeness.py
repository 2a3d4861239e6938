"""Every text of the sources is translated, and nothing else is in the catalogues."""

from __future__ import annotations

from config.localization import catalogues
from config.localization.sources import texts


def test_each_language_says_all_that_the_sources_say_and_nothing_else() -> None:
    """`python3 dev messages` brings the catalogues up to date and names what is to be translated."""
    assert list(catalogues.problems(texts())) == []

"""The form of API tokens."""

from __future__ import annotations

import re

from accounts import tokens


class TestNew:
    def test_has_the_documented_form(self) -> None:
        assert re.fullmatch(r"slp_[A-Za-z0-9]{8}_[A-Za-z0-9]{43}", tokens.new().text)

    def test_is_never_the_same_twice(self) -> None:
        assert len({tokens.new().text for _ in range(100)}) == 100

    def test_does_not_show_itself_in_its_repr(self) -> None:
        secret = tokens.new()

        assert secret.text not in repr(secret)


class TestParse:
    def test_gives_prefix_and_digest_back(self) -> None:
        secret = tokens.new()

        parsed = tokens.parse(secret.text)

        assert parsed == secret
        assert parsed is not None
        assert parsed.prefix == secret.text[:12]
        assert len(parsed.digest) == 64

    def test_refuses_anything_else(self) -> None:
        good = tokens.new().text
        for text in ("", "slp_", good + "x", good[:-1], good + "\n", " " + good, good.replace("_", "-"), "ü" * 56):
            assert tokens.parse(text) is None

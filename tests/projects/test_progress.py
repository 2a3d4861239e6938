"""Git's progress lines."""

from __future__ import annotations

import pytest

from projects import progress


class TestParse:
    @pytest.mark.parametrize(
        ("line", "expected"),
        [
            ("remote: Counting objects:  50% (5/10)", ("Counting objects", 1)),
            ("Receiving objects:   0% (1/900)", ("Receiving objects", 5)),
            ("Receiving objects: 100% (900/900), 1.20 MiB | 3.00 MiB/s, done.", ("Receiving objects", 75)),
            ("Resolving deltas: 999% (1/1)", ("Resolving deltas", 90)),
            ("remote: Welcome! 50% off", None),
            ("", None),
        ],
    )
    def test_gives_the_step_and_the_share_of_the_whole(self, line: str, expected: tuple[str, int] | None) -> None:
        assert progress.parse(line) == expected


class TestClean:
    def test_drops_what_a_terminal_would_obey(self) -> None:
        assert progress.clean("remote: \x1b[31mred\x1b[0m\x07\x00 \u202eright") == "remote: red right"
        assert len(progress.clean("x" * 10_000)) == 300


class TestAppend:
    def test_replaces_the_last_line_of_the_same_step(self) -> None:
        log = ""
        for line in (
            "hello",
            "Receiving objects:  1% (1/2)",
            "Receiving objects: 99% (2/2)",
            "Resolving deltas:  5% (1/2)",
        ):
            log = progress.append(log, line)

        assert log == "hello\nReceiving objects: 99% (2/2)\nResolving deltas:  5% (1/2)"

    def test_keeps_the_end_when_it_grows_too_long(self) -> None:
        log = ""
        for number in range(2000):
            log = progress.append(log, f"line {number}")

        assert len(log) <= progress.LOG_CHARS
        assert log.endswith("line 1999")

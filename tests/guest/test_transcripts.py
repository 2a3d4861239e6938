"""Reading a torn record of a conversation: how much is read for it, whatever stands in a line."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest

from guest import transcripts

TAIL = {"type": "user", "uuid": "d", "sessionId": "s", "message": {"content": [{"type": "text", "text": "x"}]}}
WHOLE = json.dumps(TAIL).encode()


class Counting:
    """The decoder, and how many characters were copied for it or read by it."""

    def __init__(self) -> None:
        self.work, self._text = 0, ""

    def raw_decode(self, text: str, at: int = 0) -> tuple[Any, int]:
        if text is not self._text:
            self.work, self._text = self.work + len(text), text
        end = len(text)  # what cannot be read may have been gone through to its end
        try:
            value, end = json.JSONDecoder().raw_decode(text, at)
        finally:
            self.work += end - at
        return value, end


def parse(monkeypatch: pytest.MonkeyPatch, line: bytes) -> tuple[list[dict[str, Any]], float]:
    """The records of a line, and how often it was gone through for them."""
    counting = Counting()
    monkeypatch.setattr(transcripts, "DECODER", counting)
    found = transcripts._parse(line + b"\n")
    return found, counting.work / len(line)


class TestALine:
    @pytest.mark.parametrize("value", [b"{}", b"1 ", b'{"a": [{}]}\t', b'"x"'])
    def test_of_many_values_is_read_once(self, monkeypatch: pytest.MonkeyPatch, value: bytes) -> None:
        _, times = parse(monkeypatch, value * 20_000)

        assert times < 3

    @pytest.mark.parametrize("inside", [b"[" + b"0," * 50_000, b'"' + b"x" * 100_000, b"[" * 50_000])
    def test_that_is_torn_at_a_great_depth_is_given_up(self, monkeypatch: pytest.MonkeyPatch, inside: bytes) -> None:
        found, times = parse(monkeypatch, b'{"a":' * 900 + inside)

        assert found == []
        assert times < transcripts.TRIES + 3

    @pytest.mark.parametrize(
        "torn",
        [
            b'{"type": "user", "content": [' + b'{"a": {"b": "c"}}, ' * 5000 + b'{"a": "b',
            b'{"type": "user", "lines": [' + b'"if (x) {", "y", ' * 5000 + b'"} else {',
            b'{"type": "user", "a": {"b": {"c": ',
            b'{"type": "user", "a": {"b": 1, ',
        ],
    )
    def test_keeps_the_record_after_a_torn_one(self, monkeypatch: pytest.MonkeyPatch, torn: bytes) -> None:
        found, times = parse(monkeypatch, torn + WHOLE)

        assert found == [TAIL]
        assert times < transcripts.TRIES + 3

    def test_takes_nothing_from_within_a_torn_record(self, monkeypatch: pytest.MonkeyPatch) -> None:
        found, _ = parse(monkeypatch, b'{"type": "user", "a": [' + WHOLE + b', {"b": 1}')

        assert found == []

    @pytest.mark.parametrize("between", [b"", b" ", b"\t", "\u00a0".encode()])
    def test_of_two_records_gives_both(self, monkeypatch: pytest.MonkeyPatch, between: bytes) -> None:
        assert parse(monkeypatch, WHOLE + between + WHOLE)[0] == [TAIL, TAIL]


class TestANote:
    """The agent writes what it was last asked before the record that this names."""

    @staticmethod
    def lines(*records: dict[str, Any]) -> io.BytesIO:
        return io.BytesIO(b"".join(json.dumps(record).encode() + b"\n" for record in records))

    def test_may_name_a_record_that_comes_later(self) -> None:
        mender = transcripts.Mender()

        assert mender.read(self.lines({"type": "last-prompt", "leafUuid": "d"}, TAIL))
        assert mender.is_sound

    def test_that_names_a_lost_record_is_left_out(self) -> None:
        records: list[dict[str, Any]] = [
            {"type": "last-prompt", "leafUuid": "lost"},
            {"type": "last-prompt", "leafUuid": "d"},
            TAIL,
        ]
        first = transcripts.Mender()
        first.read(self.lines(*records))

        kept = list(transcripts.Mender(first.known).records(self.lines(*records)))

        assert not first.is_sound
        assert kept == records[1:]

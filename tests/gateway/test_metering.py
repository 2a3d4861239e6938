"""Token counts are the same however the answer is cut into pieces, and no answer breaks the reading."""

from __future__ import annotations

import gzip
import itertools
import json
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.catalog import Tokens
from gateway.metering import Meter, StreamMeter, meter_for
from tests.gateway import vendor

STREAM = vendor.START + b": ping\n\n" + vendor.DELTA * 3 + vendor.END
ALL = Tokens(input=100, output=20, cache_write_5m=400, cache_write_1h=100, cache_read=3000, searches=1)


def fed(meter: Meter, data: bytes, cuts: list[int] | None = None) -> Meter:
    edges = [0, *sorted(cut % (len(data) + 1) for cut in cuts or []), len(data)]
    for start, end in itertools.pairwise(edges):
        meter.feed(data[start:end])
    meter.close()
    return meter


class TestStreamMeter:
    @given(st.lists(st.integers(0, 10_000), max_size=20))
    def test_does_not_mind_where_the_pieces_end(self, cuts: list[int]) -> None:
        meter = fed(StreamMeter(), STREAM, cuts)

        assert (meter.tokens, meter.is_complete) == (ALL, True)

    def test_takes_later_counts_in_place_of_earlier_ones(self) -> None:
        data = (
            vendor.START
            + vendor.event("message_delta", usage={"output_tokens": 5, "input_tokens": None})
            + vendor.event("message_delta", usage={"output_tokens": 9, "input_tokens": 120})
            + vendor.event("message_stop")
        )

        tokens = fed(StreamMeter(), data).tokens

        assert tokens is not None
        assert (tokens.input, tokens.output) == (120, 9)

    def test_counts_what_was_said_before_a_cut(self) -> None:
        said = [
            {"type": "text_delta", "text": "x" * 300},
            {"type": "thinking_delta", "thinking": "x" * 300},
            {"type": "input_json_delta", "partial_json": "x" * 301},
            {"type": "signature_delta", "signature": "x" * 5000},
        ]
        data = vendor.START + b"".join(vendor.event("content_block_delta", delta=delta) for delta in said)

        meter = fed(StreamMeter(), data)

        assert not meter.is_complete
        assert meter.tokens is not None
        assert meter.tokens.output == 301

    def test_knows_nothing_before_the_start(self) -> None:
        meter = fed(StreamMeter(), vendor.DELTA)

        assert (meter.tokens, meter.is_complete) == (None, False)

    def test_is_not_fooled_by_reports_inside_the_text(self) -> None:
        lie = json.dumps({"type": "message_delta", "usage": {"output_tokens": 0}})
        text = vendor.event("content_block_delta", delta={"type": "text_delta", "text": f"\n\ndata: {lie}\n\n"})

        meter = fed(StreamMeter(), vendor.START + text + vendor.END)

        assert meter.tokens == ALL

    def test_skips_a_line_without_end_in_little_memory(self) -> None:
        meter = StreamMeter()
        for _ in range(200):
            meter.feed(b"x" * 2**20)
        meter.feed(b"\n" + STREAM)

        assert meter.tokens == ALL

    @given(st.lists(st.binary(max_size=200), max_size=20))
    def test_takes_any_bytes(self, pieces: list[bytes]) -> None:
        meter = StreamMeter()
        for piece in pieces:
            meter.feed(b"data: " + piece + b"\n")
        meter.close()

        assert not meter.is_complete

    @pytest.mark.parametrize("usage", [7, [], {"input_tokens": "many"}, {"input_tokens": -5}, {"output_tokens": True}])
    def test_takes_strange_reports_as_nothing(self, usage: object) -> None:
        data = vendor.event("message_start", message={"usage": usage}) + vendor.event("message_delta", usage=usage)

        assert fed(StreamMeter(), data).tokens in (None, Tokens())


class TestMeterFor:
    @given(st.sampled_from(["", "identity", "gzip", "deflate"]), st.lists(st.integers(0, 10_000), max_size=5))
    def test_reads_json_in_every_encoding_it_knows(self, encoding: str, cuts: list[int]) -> None:
        data = json.dumps(vendor.message()).encode()
        packed = {"gzip": gzip.compress(data), "deflate": zlib.compress(data)}.get(encoding, data)

        meter = fed(meter_for("application/json", encoding), packed, cuts)

        assert (meter.tokens, meter.is_complete) == (ALL, True)

    def test_reads_a_packed_stream(self) -> None:
        meter = fed(meter_for("text/event-stream; charset=utf-8", "gzip"), gzip.compress(STREAM), [50, 100])

        assert (meter.tokens, meter.is_complete) == (ALL, True)

    @pytest.mark.parametrize(
        ("encoding", "data"),
        [
            ("br", b"\x00"),
            ("gzip", b"no gzip"),
            ("gzip", gzip.compress(b"{}", mtime=0)[:-9]),
            ("", b"{"),
            ("", b"[]"),
            ("", b""),
        ],
    )
    def test_says_that_it_does_not_know(self, encoding: str, data: bytes) -> None:
        meter = fed(meter_for("application/json", encoding), data)

        assert (meter.tokens, meter.is_complete) == (None, False)

    def test_survives_a_bomb(self) -> None:
        meter = fed(meter_for("application/json", "gzip"), gzip.compress(b" " * 200_000_000, 9))

        assert not meter.is_complete

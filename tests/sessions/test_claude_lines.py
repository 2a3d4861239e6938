"""Cutting the agent's output into lines."""

from __future__ import annotations

import itertools
import tracemalloc

from hypothesis import given
from hypothesis import strategies as st

from sessions.claude import Line, LineFramer, ReaderState, reduce
from sessions.claude.lines import KEPT_OF_CUT


class TestLineFramer:
    def test_keeps_the_half_line_for_the_next_bytes(self) -> None:
        framer = LineFramer()

        assert framer.feed(b"one\ntw") == [Line(b"one", 4, 4)]
        assert framer.feed(b"") == []
        assert framer.feed(b"o\n\n") == [Line(b"two", 4, 8), Line(b"", 1, 9)]

    def test_counts_from_the_offset_where_reading_began(self) -> None:
        assert LineFramer(100).feed(b"x\n") == [Line(b"x", 2, 102)]

    @given(data=st.binary(max_size=200).map(lambda raw: raw.replace(b"a", b"\n")), cuts=st.lists(st.integers(0, 200)))
    def test_cuts_of_the_stream_do_not_matter(self, data: bytes, cuts: list[int]) -> None:
        framer, places = LineFramer(), sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})

        lines = [line for start, end in itertools.pairwise(places) for line in framer.feed(data[start:end])]

        assert [line.data for line in lines] == data.split(b"\n")[:-1]
        assert sum(line.size for line in lines) == data.rfind(b"\n") + 1

    @given(sizes=st.lists(st.integers(0, 9 * KEPT_OF_CUT), max_size=4), step=st.integers(1, 20_000))
    def test_over_long_line_is_marked_and_offsets_stay_right(self, sizes: list[int], step: int) -> None:
        wholes = [bytes(65 + (place // 1000) % 26 for place in range(size)) for size in sizes]
        data, framer = b"".join(whole + b"\n" for whole in wholes), LineFramer(max_bytes=4 * KEPT_OF_CUT)

        lines = [line for start in range(0, len(data), step) for line in framer.feed(data[start : start + step])]

        assert len(lines) == len(wholes)
        for line, whole in zip(lines, wholes, strict=True):
            assert line.is_cut == (len(whole) > 4 * KEPT_OF_CUT)
            assert line.size == len(whole) + 1
            if not line.is_cut:
                assert line.data == whole
                continue
            assert line.data.startswith(b"[a line of %d bytes" % len(whole))
            assert whole[:KEPT_OF_CUT] in line.data
            assert line.data.endswith(whole[-KEPT_OF_CUT:])
        assert not lines or lines[-1].end == len(data)

    def test_over_long_line_is_no_message_any_more(self) -> None:
        framer = LineFramer(max_bytes=4 * KEPT_OF_CUT)

        (line,) = framer.feed(b'{"type": "result", "result": "' + b"x" * 5 * KEPT_OF_CUT + b'"}\n')
        _, outputs = reduce(ReaderState(), line.data)

        assert [type(output).__name__ for output in outputs] == ["Entry", "Torn"]

    def test_over_long_line_takes_no_more_memory_than_the_limit(self) -> None:
        framer, chunk = LineFramer(max_bytes=2**20), b"x" * 2**16
        tracemalloc.start()

        for _ in range(1600):
            assert framer.feed(chunk) == []
        (line,) = framer.feed(b"\n")
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()

        assert line.size == 1600 * 2**16 + 1
        assert len(line.data) < 2**17
        assert peak < 4 * 2**20

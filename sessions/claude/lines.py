"""Bytes of the agent's output cut into lines."""

from __future__ import annotations

from dataclasses import dataclass

MAX_LINE_BYTES = 16 * 2**20
KEPT_OF_CUT = 3 * 2**10  # of each end of an over-long line


@dataclass(frozen=True)
class Line:
    """A complete line without its end; `size` is what it takes in the stream, `end` where the next one begins.

    Of a line that `is_cut` only the beginning and the end are there, behind a note: it is no message any more.
    """

    data: bytes
    size: int
    end: int
    is_cut: bool = False


class LineFramer:
    """Takes bytes as they come and gives complete lines; the half line at the end is kept for the next bytes.

    A line longer than `max_bytes` is cut as it streams past, so that it costs no memory; offsets stay right.
    """

    def __init__(self, offset: int = 0, *, max_bytes: int = MAX_LINE_BYTES) -> None:
        self._end = offset
        self._max_bytes = max_bytes
        self._parts: list[bytes] = []
        self._size = 0
        self._head = b""
        self._tail = b""

    def feed(self, chunk: bytes) -> list[Line]:
        """The lines that these bytes complete, in order."""
        lines = []
        start = 0
        while (newline := chunk.find(b"\n", start)) >= 0:
            self._take(chunk[start:newline])
            lines.append(self._line())
            start = newline + 1
        self._take(chunk[start:])
        return lines

    @property
    def _is_cut(self) -> bool:
        return self._size > self._max_bytes

    def _take(self, piece: bytes) -> None:
        """Keep a piece of the present line; of an over-long one only both ends."""
        self._size += len(piece)
        if piece:
            self._parts.append(piece)
        if self._is_cut:
            known = self._tail + b"".join(self._parts)
            self._head = self._head or known[:KEPT_OF_CUT]
            self._parts, self._tail = [], known[-KEPT_OF_CUT:]

    def _line(self) -> Line:
        data = b"".join(self._parts)
        if is_cut := self._is_cut:
            note = b"[a line of %d bytes, of which only both ends were kept] " % self._size
            data = note + self._head + b" [...] " + self._tail
        size = self._size + 1
        self._end += size
        self._parts, self._size, self._head, self._tail = [], 0, b"", b""
        return Line(data, size, self._end, is_cut)

"""Bytes of the agent's output cut into lines."""

from __future__ import annotations

from dataclasses import dataclass

MAX_LINE_BYTES = 128 * 2**20
_KEPT_OF_CUT = 64 * 2**10


@dataclass(frozen=True)
class Line:
    """A complete line without its end; `size` is what it takes in the stream, `end` where the next one begins."""

    data: bytes
    size: int
    end: int


class LineFramer:
    """Takes bytes as they come and gives complete lines; the half line at the end is kept for the next bytes.

    A line longer than `max_bytes` is cut and marked, so that it can no longer be read as a message; offsets stay right.
    """

    def __init__(self, offset: int = 0, *, max_bytes: int = MAX_LINE_BYTES) -> None:
        self._end = offset
        self._max_bytes = max_bytes
        self._parts: list[bytes] = []
        self._size = 0

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

    def _take(self, piece: bytes) -> None:
        """Keep a piece of the present line; of an over-long one only the beginning."""
        self._size += len(piece)
        if self._size > self._max_bytes:
            kept = b"".join(self._parts)[:_KEPT_OF_CUT]
            piece = piece[: _KEPT_OF_CUT - len(kept)]
            self._parts = [kept] if kept else []
        if piece:
            self._parts.append(piece)

    def _line(self) -> Line:
        data = b"".join(self._parts)
        if self._size > self._max_bytes:
            data += b" [line of %d bytes cut]" % self._size
        size = self._size + 1
        self._end += size
        self._parts, self._size = [], 0
        return Line(data, size, self._end)

"""Reads token counts off an answer as it flows by, without touching it."""

from __future__ import annotations

import contextlib
import json
import zlib
from dataclasses import replace
from typing import Any, Protocol

from gateway.catalog import Tokens

_LINE_MAX_BYTES = 4 * 2**20  # a longer line is no usage report; it is skipped
_ANSWER_MAX_BYTES = 32 * 2**20
_CHARS_PER_TOKEN = 3  # on the high side, for what a cut stream did not say
_SAID = ("text", "thinking", "partial_json")
_INT_MAX = 2**53


class Meter(Protocol):
    """Fed with the answer's bytes; `tokens` may be read at any time, `is_complete` says whether they are final."""

    @property
    def tokens(self) -> Tokens | None: ...

    @property
    def is_complete(self) -> bool: ...

    def feed(self, data: bytes) -> None: ...

    def close(self) -> None: ...


class StreamMeter:
    """Server-sent events: `message_start` has the prompt's counts, each `message_delta` the sums so far."""

    def __init__(self) -> None:
        self._rest = bytearray()
        self._is_skipping = False
        self._usage: dict[str, Any] | None = None
        self._seen_chars = 0
        self.is_complete = False

    @property
    def tokens(self) -> Tokens | None:
        """What was reported; where the stream was cut, the text that passed counts as output."""
        if self._usage is None:
            return None
        tokens = _tokens_of(self._usage)
        if self.is_complete:
            return tokens
        return replace(tokens, output=max(tokens.output, -(-self._seen_chars // _CHARS_PER_TOKEN)))

    def feed(self, data: bytes) -> None:
        """Take the next bytes, however they are cut."""
        self._rest += data
        lines = self._rest.split(b"\n")
        self._rest = lines.pop()
        for line in lines:
            if self._is_skipping:
                self._is_skipping = False
            elif line.startswith(b"data:"):
                self._read(bytes(line[5:]))
        if len(self._rest) > _LINE_MAX_BYTES:
            self._rest.clear()
            self._is_skipping = True

    def close(self) -> None:
        """The answer has ended; half a line is nothing."""

    def _read(self, data: bytes) -> None:
        event = _parsed(data)
        kind = event.get("type")
        if kind == "message_start":
            message = event.get("message")
            self._update(message.get("usage") if isinstance(message, dict) else None)
        elif kind == "message_delta":
            self._update(event.get("usage"))
        elif kind == "content_block_delta":
            delta = event.get("delta")
            if isinstance(delta, dict):
                said = (delta.get(name) for name in _SAID)
                self._seen_chars += sum(len(value) for value in said if isinstance(value, str))
        elif kind == "message_stop":
            self.is_complete = self._usage is not None

    def _update(self, usage: object) -> None:
        if isinstance(usage, dict):
            known = {name: value for name, value in usage.items() if value is not None}
            self._usage = {**(self._usage or {}), **known}


class JsonMeter:
    """A whole JSON answer; its `usage` stands at the end, so it is kept until then."""

    def __init__(self) -> None:
        self._body = bytearray()
        self._is_too_long = False
        self._usage: dict[str, Any] | None = None
        self.is_complete = False

    @property
    def tokens(self) -> Tokens | None:
        return None if self._usage is None else _tokens_of(self._usage)

    def feed(self, data: bytes) -> None:
        """Keep the next bytes."""
        if len(self._body) + len(data) > _ANSWER_MAX_BYTES:
            self._is_too_long = True
            self._body.clear()
        elif not self._is_too_long:
            self._body += data

    def close(self) -> None:
        """Read the counts, now that all is there."""
        usage = _parsed(bytes(self._body)).get("usage")
        if isinstance(usage, dict):
            self._usage = usage
            self.is_complete = True


class Inflating:
    """A meter behind a compressed answer (`gzip` or `deflate`)."""

    def __init__(self, inner: Meter) -> None:
        self._inner = inner
        self._inflater: Any = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)
        self._is_broken = False

    @property
    def tokens(self) -> Tokens | None:
        return self._inner.tokens

    @property
    def is_complete(self) -> bool:
        return self._inner.is_complete

    def feed(self, data: bytes) -> None:
        """Unpack in small pieces, so that a bomb costs time and no memory."""
        try:
            while data and not self._is_broken:
                self._inner.feed(self._inflater.decompress(data, 2**16))
                data = self._inflater.unconsumed_tail
        except zlib.error:
            self._is_broken = True

    def close(self) -> None:
        """Hand over what the inflater still holds, then end."""
        if not self._is_broken:
            with contextlib.suppress(zlib.error):
                self._inner.feed(self._inflater.flush())
        self._inner.close()


class Blind:
    """For an answer whose encoding we cannot read: the estimate stands."""

    tokens = None
    is_complete = False

    def feed(self, data: bytes) -> None:
        """Nothing to see."""

    def close(self) -> None:
        """Nothing to do."""


def meter_for(content_type: str, content_encoding: str) -> Meter:
    """The meter that can read this answer."""
    inner: Meter = StreamMeter() if content_type.startswith("text/event-stream") else JsonMeter()
    if content_encoding in ("", "identity"):
        return inner
    return Inflating(inner) if content_encoding in ("gzip", "deflate") else Blind()


def _parsed(data: bytes) -> dict[str, Any]:
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _tokens_of(usage: dict[str, Any]) -> Tokens:
    """Counts of a `usage` object; the one-hour part of the cache writes is split off where it is told."""
    written = _count(usage, "cache_creation_input_tokens")
    split = usage.get("cache_creation")
    long_lived = min(written, _count(split, "ephemeral_1h_input_tokens")) if isinstance(split, dict) else 0
    tools = usage.get("server_tool_use")
    return Tokens(
        input=_count(usage, "input_tokens"),
        output=_count(usage, "output_tokens"),
        cache_write_5m=written - long_lived,
        cache_write_1h=long_lived,
        cache_read=_count(usage, "cache_read_input_tokens"),
        searches=_count(tools, "web_search_requests") if isinstance(tools, dict) else 0,
    )


def _count(values: dict[str, Any], name: str) -> int:
    value = values.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _INT_MAX else 0

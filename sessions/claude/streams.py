"""Streamed text, and the ids of content blocks: the same whether a block is streamed or comes as a whole."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sessions.claude.fields import ident, number, obj, text
from sessions.claude.outputs import Delta, Output
from sessions.claude.state import Block, ReaderState, Stream

_MAX_BLOCKS = 64
_PIECES = {"text_delta": ("text", "text"), "thinking_delta": ("thinking", "thinking")}

Reduced = tuple[ReaderState, list[Output]]


def stream_event(state: ReaderState, message: dict[str, Any]) -> Reduced:
    """One event of the model's stream; only text and thinking are passed on."""
    event, parent = obj(message.get("event")), ident(message.get("parent_tool_use_id"))
    stream = state.streams.get(parent)
    match event.get("type"):
        case "message_start":
            return state.with_stream(parent, Stream(ident(obj(event.get("message")).get("id")))), []
        case "content_block_start" if stream is not None:
            block = Block(number(event.get("index")), ident(obj(event.get("content_block")).get("type")), 0)
            return state.with_stream(parent, replace(stream, blocks=(*stream.blocks, block)[-_MAX_BLOCKS:])), []
        case "content_block_delta" if stream is not None:
            return _delta(state, parent, stream, event)
        case "message_stop":
            return state.with_stream(parent, None), []
    return state, []


def _delta(state: ReaderState, parent: str, stream: Stream, event: dict[str, Any]) -> Reduced:
    delta, index = obj(event.get("delta")), number(event.get("index"))
    kind, field = _PIECES.get(ident(delta.get("type")), ("", ""))
    piece = text(delta.get(field)) if field else ""
    block = next((block for block in stream.blocks if block.index == index), None)
    if not piece or block is None:
        return state, []
    longer = replace(block, length=block.length + len(piece))
    blocks = tuple(longer if known is block else known for known in stream.blocks)
    output = Delta(f"{stream.message}:{index}", parent or None, kind, block.length, piece)
    return state.with_stream(parent, replace(stream, blocks=blocks)), [output]


def place_block(state: ReaderState, parent: str, message_id: str, kind: str) -> tuple[ReaderState, int]:
    """The index of a block whose final line has come: that of the block that streams, else the next in order."""
    index = state.counted.get(message_id, 0)
    stream = state.streams.get(parent)
    if stream is not None and stream.message == message_id:
        place = next((place for place, block in enumerate(stream.blocks) if block.kind == kind), None)
        if place is not None:
            index = stream.blocks[place].index
            state = state.with_stream(parent, replace(stream, blocks=stream.blocks[place + 1 :]))
    return state.with_count(message_id, index + 1), index

"""Steps as bytes of the Messages API: server-sent events, or one JSON object."""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from collections.abc import AsyncIterator, Iterator
from typing import Any

from gateway.practice.answers import Drop, Sleep, Step, StreamDropped, StreamError, Text, Thinking, ToolCall

_BASE_USAGE = {
    "input_tokens": 0,
    "cache_creation_input_tokens": 0,
    "cache_read_input_tokens": 0,
    "output_tokens": 1,
    "service_tier": "standard",
}


async def as_json(step: Step, *, model: str, pace: float) -> dict[str, Any]:
    """The whole answer at once; errors and cuts in mid-stream have no meaning here."""
    content: list[dict[str, Any]] = []
    for part in step.parts:
        match part:
            case Text():
                content.append({"type": "text", "text": _stamp() if part.is_stamped else part.text})
            case Thinking():
                content.append({"type": "thinking", "thinking": part.text, "signature": part.signature})
            case ToolCall():
                content.append(
                    {"type": "tool_use", "id": part.id or _call_id(), "name": part.name, "input": part.input}
                )
            case Sleep():
                await asyncio.sleep(part.seconds * pace)
            case StreamError() | Drop():
                pass
    usage = {**_BASE_USAGE, **step.usage}
    return {**_message(model), "content": content, "stop_reason": step.stop_reason, "usage": usage}


async def as_events(step: Step, *, model: str, pace: float) -> AsyncIterator[bytes]:
    """The answer as server-sent events; raises `StreamDropped` where the script cuts the connection."""
    usage = {**_BASE_USAGE, **step.usage}
    output_tokens = usage["output_tokens"]
    start = {**_message(model), "content": [], "stop_reason": None, "usage": {**usage, "output_tokens": 1}}
    yield _event({"type": "message_start", "message": start})
    yield _event({"type": "ping"})
    index = 0
    for part in step.parts:
        match part:
            case Sleep():
                await asyncio.sleep(part.seconds * pace)
            case StreamError():
                yield _event({"type": "error", "error": {"type": part.kind, "message": "scripted"}})
                return
            case Drop():
                raise StreamDropped
            case Text() | Thinking() | ToolCall():
                for event, pause_s in _block(part, index):
                    yield _event(event)
                    if pause_s:
                        await asyncio.sleep(pause_s * pace)
                index += 1
    delta = {"stop_reason": step.stop_reason, "stop_sequence": None}
    yield _event({"type": "message_delta", "delta": delta, "usage": {"output_tokens": output_tokens}})
    yield _event({"type": "message_stop"})


def _block(part: Text | Thinking | ToolCall, index: int) -> Iterator[tuple[dict[str, Any], float]]:
    """The events of one content block, each with the pause after it."""
    match part:
        case Text():
            block: dict[str, Any] = {"type": "text", "text": ""}
            deltas = [{"type": "text_delta", "text": piece} for piece in _pieces(part.text, part.chunks)]
        case Thinking():
            block = {"type": "thinking", "thinking": "", "signature": ""}
            deltas = [{"type": "thinking_delta", "thinking": piece} for piece in _pieces(part.text, part.chunks)]
            deltas.append({"type": "signature_delta", "signature": part.signature})
        case ToolCall():
            block = {"type": "tool_use", "id": part.id or _call_id(), "name": part.name, "input": {}}
            deltas = [
                {"type": "input_json_delta", "partial_json": piece} for piece in _pieces(json.dumps(part.input), 2)
            ]
    yield {"type": "content_block_start", "index": index, "content_block": block}, 0.0
    for delta in deltas:
        if isinstance(part, Text) and part.is_stamped:
            delta = {"type": "text_delta", "text": _stamp()}
        yield (
            {"type": "content_block_delta", "index": index, "delta": delta},
            0.0 if isinstance(part, ToolCall) else part.delay_s,
        )
    yield {"type": "content_block_stop", "index": index}, 0.0


def _pieces(text: str, count: int) -> list[str]:
    size = max(1, -(-len(text) // max(1, count)))
    return [text[position : position + size] for position in range(0, len(text), size)]


def _stamp() -> str:
    return f"<ts {time.time():.6f}>"


def _call_id() -> str:
    return f"toolu_{uuid.uuid4().hex[:20]}"


def _message(model: str) -> dict[str, Any]:
    return {
        "id": f"msg_{uuid.uuid4().hex[:20]}",
        "type": "message",
        "role": "assistant",
        "model": model,
        "stop_sequence": None,
    }


def _event(data: dict[str, Any]) -> bytes:
    return f"event: {data['type']}\ndata: {json.dumps(data)}\n\n".encode()

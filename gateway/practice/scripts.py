"""Scripts embedded in a prompt, by which tests and developers say exactly what the model shall answer.

The newest user message that contains `<<<JSON>>>` (or `<<<b64:BASE64>>>`, for a script inside a script) is the script:
a list of steps, one for each answer; the next step is the number of assistant messages after it. So it needs no memory,
and works over resume, restart and in sub-agents. A step is an item or a list of items:

    {"text": "...", "chunks": n, "delay": s, "stamp": true}   text in n deltas; a stamp is the time of sending instead
    {"thinking": "...", "signature": "..."}                   thinking
    {"tool": "Bash", "input": {...}, "id": "toolu_x"}         tool call
    {"sleep": s}                                              pause inside the stream
    {"http": 529, "etype": "...", "headers": {...}, "message": "...", "times": n}   error instead of an answer, n times
    {"sse_error": "overloaded_error"}                         error event in the stream
    {"drop": true}                                            the connection is cut
    {"stop": "max_tokens"}, {"usage": {...}}                  override stop_reason or usage

`{{PLANFILE}}` becomes the path that the CLI named for its plan. After the last step the answer is "done".
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections import OrderedDict
from collections.abc import Iterator
from typing import Any

from gateway.practice.answers import Drop, Part, Refusal, Sleep, Step, StreamError, Text, Thinking, ToolCall
from gateway.practice.conversation import Conversation, block_text, blocks

_USAGE = {"input_tokens": 100, "output_tokens": 20}
_MAX_SLEEP_S = 600.0
_MAX_CHUNKS = 100_000
_MAX_COUNTED = 1000

# How often an error with `times` was already given: the one thing that a request does not tell.
_given: OrderedDict[str, int] = OrderedDict()


def next_step(conversation: Conversation) -> Step | Refusal | None:
    """The scripted answer, or None when no script is there."""
    found = _find(conversation)
    if found is None:
        return None
    script, index = found
    if index >= len(script):
        return Step((Text("done"),), usage=dict(_USAGE))
    items = script[index] if isinstance(script[index], list) else [script[index]]
    items = [item for item in items if isinstance(item, dict)]
    for item in items:
        if "http" in item and _is_due(item, conversation):
            return _refusal(item)
    rest = [item for item in items if "http" not in item]
    if not rest and items:
        return Step((Text("recovered"),), usage=dict(_USAGE))
    return _step(_fill(rest, conversation.plan_file))


def _find(conversation: Conversation) -> tuple[list[Any], int] | None:
    """The newest script and how many answers came after it."""
    answers = 0
    for message in reversed(conversation.messages):
        if message.get("role") == "assistant":
            answers += 1
        elif message.get("role") == "user":
            text = "\n".join(block_text(block) for block in blocks(message) if block.get("type") == "text")
            scripts = [script for script in map(_parse, _between(text)) if script is not None]
            if scripts:
                return scripts[-1], answers
    return None


def _between(text: str) -> Iterator[str]:
    position = text.find("<<<")
    while position >= 0:
        end = text.find(">>>", position)
        if end < 0:
            return
        yield text[position + 3 : end]
        position = text.find("<<<", end)


def _parse(raw: str) -> list[Any] | None:
    try:
        script = json.loads(base64.b64decode(raw[4:]) if raw.startswith("b64:") else raw)
    except (ValueError, RecursionError):
        return None
    return script if isinstance(script, list) else None


def _fill(items: list[dict[str, Any]], plan_file: str) -> list[dict[str, Any]]:
    if not plan_file:
        return items
    filled: list[dict[str, Any]] = json.loads(json.dumps(items).replace("{{PLANFILE}}", json.dumps(plan_file)[1:-1]))
    return filled


def _is_due(item: dict[str, Any], conversation: Conversation) -> bool:
    """Whether an HTTP error is still to be given; `times` is counted per prompt."""
    times = item.get("times")
    if not isinstance(times, int):
        return True
    key = hashlib.sha256(json.dumps([item, conversation.messages[: conversation.start + 1]]).encode()).hexdigest()
    given = _given.pop(key, 0)
    _given[key] = given + 1
    while len(_given) > _MAX_COUNTED:
        _given.popitem(last=False)
    return given < times


def _refusal(item: dict[str, Any]) -> Refusal:
    status = item["http"] if isinstance(item["http"], int) and 400 <= item["http"] <= 599 else 500
    headers = item.get("headers")
    named = {str(name): str(value) for name, value in headers.items()} if isinstance(headers, dict) else {}
    return Refusal(status, str(item.get("etype", "api_error")), str(item.get("message", "scripted error")), named)


def _step(items: list[dict[str, Any]]) -> Step:
    usage, stop = dict[str, Any](_USAGE), ""
    parts: list[Part] = []
    for item in items:
        stop = str(item.get("stop", stop))
        if isinstance(item.get("usage"), dict):
            usage.update(item["usage"])
        part = _part(item)
        if part is not None:
            parts.append(part)
    return Step(tuple(parts), stop, usage)


def _part(item: dict[str, Any]) -> Part | None:
    chunks = int(min(_MAX_CHUNKS, max(1, _number(item.get("chunks"), 3))))
    delay_s = min(_MAX_SLEEP_S, max(0.0, _number(item.get("delay"), 0)))
    if "text" in item:
        return Text(
            str(item["text"]),
            chunks,
            delay_s,
            is_stamped=bool(item.get("stamp")) or str(item["text"]).startswith("@TS@"),
        )
    if "thinking" in item:
        return Thinking(str(item["thinking"]), str(item.get("signature", "c2ln")), chunks, delay_s)
    if "tool" in item:
        arguments = item.get("input")
        return ToolCall(str(item["tool"]), arguments if isinstance(arguments, dict) else {}, str(item.get("id") or ""))
    if "sleep" in item:
        return Sleep(min(_MAX_SLEEP_S, max(0.0, _number(item["sleep"], 0))))
    if "sse_error" in item:
        return StreamError(str(item["sse_error"]))
    return Drop() if "drop" in item else None


def _number(value: object, default: float) -> float:
    return float(value) if isinstance(value, int | float) else default

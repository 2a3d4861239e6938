"""Requests as the CLI makes them, and answers read back from the practice model."""

from __future__ import annotations

import json
from typing import Any

from gateway import practice

ENVIRONMENT = "# Environment\nYou have been invoked:\n - Primary working directory: /workspace\n - Platform: linux"
PLANNING = "Plan mode is active. Write to /home/agent/.claude/plans/calm-fox.md only."


def user(text: str) -> dict[str, Any]:
    reminder = {"type": "text", "text": "<system-reminder>\ngit status: clean\n</system-reminder>"}
    return {"role": "user", "content": [reminder, {"type": "text", "text": text}]}


def harness(text: str = ENVIRONMENT) -> dict[str, Any]:
    return {"role": "system", "content": text}


def result(call: dict[str, Any], text: str, *, is_error: bool = False) -> dict[str, Any]:
    block = {"type": "tool_result", "tool_use_id": call["id"], "content": text, "is_error": is_error}
    return {"role": "user", "content": [block]}


def request(*messages: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"model": "claude-opus-5-5", "max_tokens": 32000, "messages": list(messages), **fields}


async def answer(body: dict[str, Any], *, scripts: bool = False) -> dict[str, Any]:
    """The message that the practice model gives, without streaming."""
    reply = await practice.respond(body, scripts=scripts, pace=0)
    assert reply.status == 200, reply.body
    assert reply.body is not None
    return reply.body


async def events(body: dict[str, Any], *, scripts: bool = True) -> list[dict[str, Any]]:
    """The data of all events of a streamed answer."""
    reply = await practice.respond({**body, "stream": True}, scripts=scripts, pace=0)
    assert reply.stream is not None
    raw = b"".join([chunk async for chunk in reply.stream])
    lines = [block.split(b"\n") for block in raw.split(b"\n\n") if block]
    for name, data in lines:
        assert name == b"event: " + json.loads(data.removeprefix(b"data: "))["type"].encode()
    return [json.loads(data.removeprefix(b"data: ")) for _, data in lines]


def calls(message: dict[str, Any]) -> list[dict[str, Any]]:
    return [block for block in message["content"] if block["type"] == "tool_use"]


def text(message: dict[str, Any]) -> str:
    return "".join(block["text"] for block in message["content"] if block["type"] == "text")


async def play(
    messages: list[dict[str, Any]], *outcomes: tuple[str, bool], scripts: bool = False
) -> list[dict[str, Any]]:
    """Answer tool calls one after another with these outcomes; returns all answers."""
    messages, answers = list(messages), [await answer(request(*messages), scripts=scripts)]
    for said, is_error in outcomes:
        (call,) = calls(answers[-1])
        messages += [{"role": "assistant", "content": answers[-1]["content"]}, result(call, said, is_error=is_error)]
        answers.append(await answer(request(*messages), scripts=scripts))
    return answers

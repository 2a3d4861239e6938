"""One request in, one reply out: the practice model's side of the Messages API."""

from __future__ import annotations

import json
import re
import uuid
from dataclasses import replace
from typing import Any

from gateway.practice import behaviours, conversation, scripts, stream
from gateway.practice.answers import Refusal, Reply, Step, Text, ToolCall, refuse

_SESSION = re.compile(
    r"<session>(.*?)(?:</session>|\Z)", re.DOTALL
)  # what the CLI wants a title for, among its own words
_NO_WORDS = re.compile(r"<<<.*?(>>>|\Z)|</?\w{1,40}>", re.DOTALL)
_DANGLING = re.compile(
    r"(\s+(a|an|and|as|at|by|for|from|if|in|into|of|on|or|so|that|the|then|to|with))+$", re.IGNORECASE
)
_KNOWN_MODEL = re.compile(r"(?!claude-)|.*(opus|sonnet|haiku|fable)")


async def respond(body: dict[str, Any], *, scripts: bool, pace: float = 1.0) -> Reply:
    """Answer a Messages request as the vendor would: streamed when asked for, errors in the vendor's shape.

    Args:
        body: the parsed request; written by code in a sandbox, so anything may stand in it.
        scripts: whether a script in the prompt is played.
        pace: factor on every pause; 0 answers at once.
    """
    model = body.get("model")
    if not isinstance(model, str) or not model:
        return refuse(Refusal(400, "invalid_request_error", "model: a name is required"))
    if not _KNOWN_MODEL.match(model):
        return refuse(Refusal(404, "not_found_error", f"model: {model[:200]}"))
    try:
        step = _answer(body, may_script=scripts)
    except conversation.BadRequest as error:
        return refuse(Refusal(400, "invalid_request_error", str(error)))
    if isinstance(step, Refusal):
        return refuse(step)
    headers = {"request-id": f"req_{uuid.uuid4().hex[:20]}"}
    if body.get("stream") is not True:
        answer = await stream.as_json(step, model=model, pace=pace)
        return Reply(200, {"content-type": "application/json", **headers}, answer)
    headers |= {"content-type": "text/event-stream", "cache-control": "no-cache"}
    return Reply(200, headers, stream=stream.as_events(step, model=model, pace=pace))


def count(body: dict[str, Any]) -> int:
    """A rough number of input tokens: four characters each."""
    return max(1, len(json.dumps(body)) // 4)


def _answer(body: dict[str, Any], *, may_script: bool) -> Step | Refusal:
    talk = conversation.read(body)
    if body.get("max_tokens") == 1:
        return Step((Text("."),), stop="max_tokens", usage={"input_tokens": 1, "output_tokens": 1})
    if _wants_title(body):
        return _metered(Step((Text(json.dumps({"title": _title(talk.prompt)})),)), body)
    scripted = scripts.next_step(talk) if may_script else None
    return scripted or _metered(behaviours.next_step(talk), body)


def _wants_title(body: dict[str, Any]) -> bool:
    config = body.get("output_config")
    form = config.get("format") if isinstance(config, dict) else None
    return isinstance(form, dict) and '"title"' in json.dumps(form)


def _title(prompt: str) -> str:
    """The prompt's first words; neither a script nor what is marked up around the words is one of them."""
    found = _SESSION.search(prompt[:8000])
    said = _NO_WORDS.sub(" ", found.group(1) if found else prompt[:8000])
    words = " ".join(re.findall(r"[\w'-]+", said)[:6])
    return _DANGLING.sub("", words).capitalize()[:60] or "Practice session"


def _metered(step: Step, body: dict[str, Any]) -> Step:
    said = sum(
        len(part.text) if isinstance(part, Text) else len(json.dumps(part.input))
        for part in step.parts
        if isinstance(part, Text | ToolCall)
    )
    return replace(step, usage={"input_tokens": count(body), "output_tokens": max(1, said // 4)})

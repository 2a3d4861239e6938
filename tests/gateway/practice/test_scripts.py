"""Scripts in prompts."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from gateway import practice
from tests.gateway.practice import talk


def prompt(*steps: object) -> dict[str, Any]:
    return talk.user(f"go <<<{json.dumps(steps)}>>>")


class TestScripts:
    async def test_plays_one_step_an_answer_and_then_is_done(self) -> None:
        script = prompt({"text": "one"}, [{"text": "two"}])
        said = {"role": "assistant", "content": "x"}

        answers = [await talk.answer(talk.request(script, *[said] * count), scripts=True) for count in range(3)]

        assert [talk.text(answer) for answer in answers] == ["one", "two", "done"]

    async def test_newest_script_counts(self) -> None:
        messages = [prompt({"text": "old"}), {"role": "assistant", "content": "old"}, prompt({"text": "new"})]

        assert talk.text(await talk.answer(talk.request(*messages), scripts=True)) == "new"

    async def test_reads_an_encoded_script_with_another_one_inside(self) -> None:
        inner = f"<<<{json.dumps([{'text': 'inner'}])}>>>"
        steps = [{"tool": "Agent", "input": {"prompt": inner}, "id": "toolu_1"}]
        outer = base64.b64encode(json.dumps(steps).encode()).decode()

        message = await talk.answer(talk.request(talk.user(f"<<<b64:{outer}>>>")), scripts=True)

        assert talk.calls(message) == [
            {"type": "tool_use", "id": "toolu_1", "name": "Agent", "input": {"prompt": inner}}
        ]
        assert message["stop_reason"] == "tool_use"

    async def test_is_plain_text_where_scripts_are_off(self) -> None:
        message = await talk.answer(talk.request(prompt({"text": "scripted"})), scripts=False)

        assert talk.text(message).startswith("I am Slipway's practice model")

    async def test_error_comes_instead_of_an_answer_with_its_headers(self) -> None:
        item = {"http": 429, "etype": "rate_limit_error", "message": "slow", "headers": {"retry-after": "7"}}

        reply = await practice.respond(talk.request(prompt(item)), scripts=True)

        assert (reply.status, reply.headers["retry-after"]) == (429, "7")
        assert reply.body is not None
        assert reply.body["error"] == {"type": "rate_limit_error", "message": "slow"}

    async def test_error_with_times_passes(self) -> None:
        body = talk.request(prompt([{"http": 529, "times": 2}, {"text": "through"}]), metadata={"user_id": "times"})

        statuses = [(await practice.respond(body, scripts=True)).status for _ in range(4)]

        assert statuses == [529, 529, 200, 200]

    async def test_drop_raises_in_the_middle_of_the_stream(self) -> None:
        body = talk.request(prompt([{"text": "half"}, {"drop": True}]), stream=True)
        reply = await practice.respond(body, scripts=True)
        assert reply.stream is not None
        got = [await anext(reply.stream) for _ in range(6)]

        with pytest.raises(practice.StreamDropped):
            await anext(reply.stream)

        assert b"content_block_stop" in got[-1]

    async def test_error_event_ends_the_stream(self) -> None:
        got = await talk.events(talk.request(prompt([{"text": "half"}, {"sse_error": "overloaded_error"}])))

        assert got[-1]["error"]["type"] == "overloaded_error"

    async def test_overrides_stop_reason_and_usage(self) -> None:
        step = [{"text": "x"}, {"stop": "max_tokens"}, {"usage": {"input_tokens": 7, "cache_read_input_tokens": 9}}]

        got = await talk.events(talk.request(prompt(step)))

        usage = got[0]["message"]["usage"]
        assert (usage["input_tokens"], usage["cache_read_input_tokens"]) == (7, 9)
        assert got[-2]["delta"]["stop_reason"] == "max_tokens"

    async def test_thinking_comes_with_a_signature(self) -> None:
        got = await talk.events(talk.request(prompt([{"thinking": "hm", "signature": "c2ln"}, {"text": "so"}])))

        deltas = [event["delta"]["type"] for event in got if event["type"] == "content_block_delta"]
        assert deltas[:3] == ["thinking_delta", "thinking_delta", "signature_delta"]

    async def test_names_the_plan_file(self) -> None:
        step = {"tool": "Write", "input": {"file_path": "{{PLANFILE}}"}}

        message = await talk.answer(talk.request(prompt(step), talk.harness(talk.PLANNING)), scripts=True)

        assert talk.calls(message)[0]["input"]["file_path"] == "/home/agent/.claude/plans/calm-fox.md"

"""The Messages API as the practice model speaks it."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway import practice
from tests.gateway.practice import talk

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-10, 10) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=20,
)


class TestRespond:
    async def test_streams_the_events_of_the_vendor_in_order(self) -> None:
        got = await talk.events(talk.request(talk.user("Hello")))

        kinds = [event["type"] for event in got]
        assert kinds[:3] == ["message_start", "ping", "content_block_start"]
        assert kinds[-3:] == ["content_block_stop", "message_delta", "message_stop"]
        assert set(kinds[3:-3]) == {"content_block_delta"}
        assert got[-2]["delta"]["stop_reason"] == "end_turn"
        assert got[-2]["usage"]["output_tokens"] > 50

    async def test_streamed_text_is_the_text_of_the_whole_answer(self) -> None:
        body = talk.request(talk.user("Hello"))

        got = await talk.events(body)

        pieces = [event["delta"]["text"] for event in got if event["type"] == "content_block_delta"]
        assert "".join(pieces) == talk.text(await talk.answer(body))
        assert len(pieces) > 10

    async def test_answers_a_ping_of_one_token(self) -> None:
        message = await talk.answer(talk.request(talk.user("quota"), max_tokens=1))

        assert message["stop_reason"] == "max_tokens"
        assert message["usage"]["output_tokens"] == 1

    async def test_gives_a_title_when_one_is_asked_for(self) -> None:
        schema = {"type": "object", "properties": {"title": {"type": "string"}}}
        form = {"format": {"type": "json_schema", "schema": schema}}

        message = await talk.answer(talk.request(talk.user("mend the login page, please"), output_config=form))

        assert json.loads(talk.text(message)) == {"title": "Mend the login page please"}

    @pytest.mark.parametrize(
        ("prompt", "title"),
        [
            ('count the words <<<[[{"text": "Here it is."}]]>>>', "Count the words"),
            ("Write a small fizzbuzz program and test it", "Write a small fizzbuzz program"),
            ('cut off <<<[[{"text": "Here', "Cut off"),
            ("<session>\nfix it\n</session>", "Fix it"),
            ("<session>\nask me\n</session>\n\nWrite the title in the predominant language.", "Ask me"),
            ("<session>\n<<<[]>>>\n</session>\n\nWrite the title in the predominant language.", "Practice session"),
            ("<<<[]>>>", "Practice session"),
        ],
    )
    async def test_takes_no_words_of_a_script_into_a_title(self, prompt: str, title: str) -> None:
        form = {"format": {"type": "json_schema", "schema": {"properties": {"title": {"type": "string"}}}}}

        message = await talk.answer(talk.request(talk.user(prompt), output_config=form))

        assert json.loads(talk.text(message)) == {"title": title}

    async def test_unknown_model_is_not_found(self) -> None:
        reply = await practice.respond({**talk.request(talk.user("Hi")), "model": "claude-nope-9"}, scripts=False)

        assert reply.status == 404
        assert reply.body is not None
        assert reply.body["error"]["type"] == "not_found_error"

    @pytest.mark.parametrize(
        "body", [{}, {"model": "claude-opus-5-5"}, {"model": "opus", "messages": "x"}, {"model": 3}]
    )
    async def test_malformed_request_is_refused(self, body: dict[str, Any]) -> None:
        reply = await practice.respond(body, scripts=True)

        assert reply.status == 400
        assert reply.body is not None
        assert reply.body["error"]["type"] == "invalid_request_error"

    @settings(max_examples=150)
    @given(messages=JSON, extra=JSON)
    def test_any_body_gets_an_answer(self, messages: Any, extra: Any) -> None:
        body = {"model": "opus", "messages": messages, "tools": extra, "output_config": extra, "system": extra}

        reply = asyncio.run(practice.respond(body, scripts=True, pace=0))

        assert reply.status in (200, 400)

    async def test_hostile_text_costs_no_more_than_its_length(self) -> None:
        slashes, arrows = "/" * 3_000_000, "<<<" * 1_000_000
        body = talk.request(talk.user(f"write {slashes} {arrows}"), talk.harness(slashes + "/.claude/plans/" * 1000))

        async with asyncio.timeout(5):
            assert (await practice.respond(body, scripts=True, pace=0)).status == 200


class TestCount:
    def test_grows_with_the_text(self) -> None:
        short, long = (practice.count(talk.request(talk.user("x" * size))) for size in (10, 4010))

        assert long - short == 1000

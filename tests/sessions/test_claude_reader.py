"""The reducer, on lines that the real CLI wrote and on lines that nobody should write."""

from __future__ import annotations

import json
import tracemalloc
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sessions import claude
from tests.sessions import golden

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(codec=None), max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=15,
)


def read(*messages: dict[str, Any], state: claude.ReaderState | None = None) -> list[claude.Output]:
    """Outputs of a few messages, one after another."""
    state, outputs = state or claude.ReaderState(), list[claude.Output]()
    for message in messages:
        state, more = claude.reduce(state, json.dumps(message).encode())
        outputs += more
    return outputs


def assistant(*blocks: dict[str, Any], id: str = "msg_1", **fields: Any) -> dict[str, Any]:
    return {"type": "assistant", "message": {"id": id, "content": list(blocks)}, **fields}


def event(**fields: Any) -> dict[str, Any]:
    return {"type": "stream_event", "event": fields}


def entry(output: claude.Output) -> claude.Entry:
    assert isinstance(output, claude.Entry)
    return output


def reloaded(state: claude.ReaderState) -> claude.ReaderState:
    """The state after a crash: PostgreSQL gives keys back in an order of its own."""
    return claude.ReaderState.from_json(json.loads(json.dumps(state.to_json(), sort_keys=True)))


class TestRecordings:
    def test_there_are_recordings(self) -> None:
        assert len(golden.NAMES) >= 14

    @pytest.mark.parametrize("name", golden.NAMES)
    def test_are_read_as_expected(self, name: str) -> None:
        assert golden.shown(golden.outputs_of(name)) == golden.path(name).read_text()

    @pytest.mark.parametrize("name", golden.NAMES)
    def test_hold_no_line_that_is_not_understood(self, name: str) -> None:
        assert not [output for output in golden.outputs_of(name) if isinstance(output, claude.RequestUnknown)]
        entries = [output for output in golden.outputs_of(name) if isinstance(output, claude.Entry)]
        assert "agent.raw" not in {output.kind for output in entries}

    @settings(max_examples=100)
    @given(name=st.sampled_from(golden.NAMES), data=st.data())
    def test_read_the_same_however_the_stream_is_cut_and_wherever_a_crash_comes(
        self, name: str, data: st.DataObject
    ) -> None:
        raw = golden.recorded(name)
        cuts = data.draw(st.lists(st.integers(0, len(raw)), max_size=12))
        crashes = set(data.draw(st.lists(st.sampled_from(sorted({*cuts, 0})), max_size=6)))
        state, offset, framer, outputs = claude.ReaderState(), 0, claude.LineFramer(), list[claude.Output]()
        position = 0

        for cut in sorted({*cuts, len(raw)}):
            for line in framer.feed(raw[position:cut]):
                state, more = claude.reduce(state, line.data)
                outputs += more
                offset += line.size
                assert line.end == offset
            position = cut
            if cut in crashes:
                state, framer, position = reloaded(state), claude.LineFramer(offset), offset

        assert outputs == golden.outputs_of(name)

    @pytest.mark.parametrize("name", golden.NAMES)
    def test_streamed_text_comes_to_the_final_text(self, name: str) -> None:
        outputs = golden.outputs_of(name)
        final = {
            output.payload["block"]: output.payload["text"]
            for output in outputs
            if isinstance(output, claude.Entry) and output.kind in ("assistant.text", "assistant.thinking")
        }

        for piece in claude.merge_deltas(output for output in outputs if isinstance(output, claude.Delta)):
            assert final[piece.block] == piece.text


class TestBlocks:
    def test_blocks_of_one_message_are_numbered_over_its_lines(self) -> None:
        outputs = read(
            assistant({"type": "thinking", "thinking": "hm"}),
            assistant({"type": "text", "text": "a"}, {"type": "text", "text": "b"}),
            assistant({"type": "text", "text": "c"}, id="msg_2"),
        )

        assert [entry(output).payload["block"] for output in outputs] == ["msg_1:0", "msg_1:1", "msg_1:2", "msg_2:0"]

    def test_final_block_takes_the_index_that_it_streamed_under(self) -> None:
        outputs = read(
            event(type="message_start", message={"id": "msg_1"}),
            event(type="content_block_start", index=0, content_block={"type": "redacted_thinking"}),
            event(type="content_block_start", index=1, content_block={"type": "text"}),
            event(type="content_block_delta", index=1, delta={"type": "text_delta", "text": "Hi"}),
            assistant({"type": "text", "text": "Hi"}),
        )

        assert outputs[0] == claude.Delta("msg_1:1", None, "text", 0, "Hi")
        assert entry(outputs[1]).payload["block"] == "msg_1:1"

    def test_sub_agents_that_work_at_once_do_not_mix(self) -> None:
        outputs = read(
            assistant({"type": "text", "text": "a"}, id="msg_a", parent_tool_use_id="toolu_a"),
            assistant({"type": "text", "text": "b"}, id="msg_b", parent_tool_use_id="toolu_b"),
            assistant({"type": "text", "text": "c"}, id="msg_a", parent_tool_use_id="toolu_a"),
        )

        placed = [(entry(output).payload["parent"], entry(output).payload["block"]) for output in outputs]
        assert placed == [("toolu_a", "msg_a:0"), ("toolu_b", "msg_b:0"), ("toolu_a", "msg_a:1")]

    def test_piece_without_a_beginning_is_left_out(self) -> None:
        assert read(event(type="content_block_delta", index=0, delta={"type": "text_delta", "text": "x"})) == []

    def test_state_stays_small_in_a_long_turn(self) -> None:
        state = claude.ReaderState()
        for count in range(500):
            line = json.dumps(assistant({"type": "text", "text": "x"}, id=f"msg_{count}", agent_id=f"a{count}"))
            state, _ = claude.reduce(state, line.encode())

        assert len(json.dumps(state.to_json())) < 4000


class TestOddLines:
    @pytest.mark.parametrize(
        "line", [b"not json", b"[1]", b"17", b'{"type": "new_kind"}', b'{"no": "type"}', b'"\xff\xfe', b"[" * 100_000]
    )
    def test_become_raw_entries(self, line: bytes) -> None:
        state, outputs = claude.reduce(claude.ReaderState(), line)

        assert [entry(output).kind for output in outputs if output != claude.Torn()] == ["agent.raw"]
        assert len(entry(outputs[0]).payload["text"]) <= 8192
        assert state == claude.ReaderState()

    @pytest.mark.parametrize("line", [b"", b"  \r", b'{"type": "keep_alive"}'])
    def test_of_no_meaning_are_silent(self, line: bytes) -> None:
        assert claude.reduce(claude.ReaderState(), line) == (claude.ReaderState(), [])

    def test_echoes_of_our_own_messages_are_ignored(self) -> None:
        assert read({"type": "user", "isReplay": True, "message": {"content": "[Request interrupted by user]"}}) == []

    def test_unknown_request_is_passed_on_to_be_refused(self) -> None:
        message = {"type": "control_request", "request_id": "r9", "request": {"subtype": "elicitation"}}

        assert read(message) == [claude.RequestUnknown("r9", "elicitation")]

    @settings(max_examples=200)
    @given(line=st.binary(max_size=300))
    def test_bytes_never_raise(self, line: bytes) -> None:
        claude.reduce(claude.ReaderState(), line)

    @settings(max_examples=200)
    @given(
        kind=st.sampled_from(
            ["system", "assistant", "user", "stream_event", "result", "control_request", "control_response"]
        ),
        subtype=st.sampled_from(
            ["init", "status", "task_started", "api_retry", "compact_boundary", "informational", "x"]
        ),
        fields=st.fixed_dictionaries(
            {},
            optional=dict.fromkeys(
                (
                    *("message", "event", "request", "response", "model_usage_since_last_result", "usage", "error"),
                    *("tool_use_result", "parent_tool_use_id", "agent_id", "user_message_uuids", "compact_metadata"),
                    *("total_cost_usd", "is_error", "result", "is_api_error_message", "permissionMode", "request_id"),
                ),
                JSON,
            ),
        ),
    )
    def test_fields_of_any_shape_never_raise_and_can_be_stored(
        self, kind: str, subtype: str, fields: dict[str, Any]
    ) -> None:
        line = json.dumps({"type": kind, "subtype": subtype, **fields}).encode()

        state, outputs = claude.reduce(claude.ReaderState(), line)

        assert reloaded(state) == state
        assert_storable([output.payload for output in outputs if isinstance(output, claude.Entry)])
        assert_storable(state.to_json())

    @settings(max_examples=200)
    @given(
        role=st.sampled_from(["assistant", "user"]),
        block=st.fixed_dictionaries(
            {"type": st.sampled_from(["text", "thinking", "tool_use", "tool_result", "image"])},
            optional=dict.fromkeys(
                ("text", "thinking", "input", "id", "name", "content", "tool_use_id", "source"), JSON
            ),
        ),
        patch=JSON,
    )
    def test_blocks_of_any_shape_never_raise_and_can_be_stored(
        self, role: str, block: dict[str, Any], patch: Any
    ) -> None:
        message = {
            "type": role,
            "message": {"id": "m", "content": [block]},
            "tool_use_result": {"structuredPatch": patch},
        }

        assert_storable([entry(output).payload for output in read(message)])


def after(*messages: dict[str, Any], state: claude.ReaderState | None = None) -> tuple[claude.ReaderState, list[Any]]:
    """The state after some lines, and all that they led to."""
    state, outputs = state or claude.ReaderState(), list[Any]()
    for message in messages:
        state, new = claude.reduce(state, json.dumps(message).encode())
        outputs += new
    return state, outputs


def tasks(*names: str) -> dict[str, Any]:
    listed = [{"task_id": name, "task_type": "local_bash", "description": f"run {name}"} for name in names]
    return {"type": "system", "subtype": "background_tasks_changed", "tasks": listed}


def used(tokens: int, **fields: Any) -> dict[str, Any]:
    usage = {"input_tokens": tokens, "cache_read_input_tokens": 5, "cache_creation_input_tokens": 2}
    return {"type": "assistant", "message": {"id": "m", "model": "opus", "content": [], "usage": usage}, **fields}


class TestWhatTheSessionIs:
    def test_tasks_in_the_background_are_told_when_they_change(self) -> None:
        state, outputs = after(tasks("a"), tasks("a"), tasks())

        assert outputs == [
            claude.BackgroundChanged(({"id": "a", "kind": "command", "description": "run a"},)),
            claude.BackgroundChanged(()),
        ]
        assert state.background == ()

    def test_context_is_what_the_main_thread_was_given_last(self) -> None:
        state, outputs = after(used(10), used(10), used(900, parent_tool_use_id="toolu_1"), used(20))

        assert outputs == [claude.ContextMeasured(17, 0), claude.ContextMeasured(27, 0)]
        assert state.context_tokens == 27

    def test_context_window_is_that_of_the_sessions_model(self) -> None:
        init = {"type": "system", "subtype": "init", "model": "opus", "session_id": "s", "permissionMode": "default"}
        models = {"opus": {"contextWindow": 1000}, "haiku": {"contextWindow": 5000}}

        _, outputs = after(init, used(10), {"type": "result", "modelUsage": models})

        assert claude.ContextMeasured(17, 1000) in outputs

    def test_compaction_is_shown_and_empties_the_context(self) -> None:
        data = {"trigger": "manual", "pre_tokens": 383, "post_tokens": 41}

        _, outputs = after(used(376), {"type": "system", "subtype": "compact_boundary", "compact_metadata": data})

        told = {"trigger": "manual", "tokens_before": 383, "tokens_after": 41}
        assert outputs[1:] == [claude.Entry("context.compacted", told), claude.ContextMeasured(41, 0)]

    def test_handshake_tells_the_commands_and_what_the_session_does(self) -> None:
        reply = {
            "session_state": "idle",
            "commands": [{"name": "cost", "description": "Money", "argumentHint": "[x]"}, 7],
        }

        state, (told,) = after(
            {"type": "control_response", "response": {"subtype": "success", "request_id": "i", "response": reply}}
        )

        assert told.commands == ({"name": "cost", "description": "Money", "argument_hint": "[x]"},)
        assert (told.activity, state.activity) == ("idle", "idle")

    def test_words_of_the_agent_among_ours_are_what_they_look_like(self) -> None:
        odd = "a\u202e\x1b[31m\u200b b\n\x00c\U000e0041" + "\x01" * 500
        reply = {"commands": [{"name": odd, "description": odd, "argumentHint": odd}], "title": odd}
        answer = {"subtype": "success", "request_id": "title", "response": reply}
        tasks = {"type": "system", "subtype": "background_tasks_changed", "tasks": [{"description": odd}]}

        _, (told, changed) = after({"type": "control_response", "response": answer}, tasks)

        clear = "a [31m b \ufffdc"
        assert told.title == clear
        assert told.commands == ({"name": clear, "description": clear, "argument_hint": clear},)
        assert changed.tasks[0]["description"] == clear

    def test_title_is_one_line(self) -> None:
        reply = {"subtype": "success", "request_id": "title", "response": {"title": "Count\n words "}}

        _, (told,) = after({"type": "control_response", "response": reply})

        assert told.title == "Count words"

    def test_unknown_requests_are_kept_until_they_are_refused_or_taken_back(self) -> None:
        asked = [
            {"type": "control_request", "request_id": name, "request": {"subtype": "elicitation"}}
            for name in ("a", "b")
        ]
        state, _ = after(*asked, {"type": "control_cancel_request", "request_id": "b"})

        assert reloaded(state).unknown == ("a",)
        assert state.without_unknown("a").unknown == ()

    def test_turn_that_nobody_asked_for_is_known_by_its_origin(self) -> None:
        _, outputs = after({"type": "result", "origin": {"kind": "task-notification"}, "session_id": "s"})

        assert outputs[-1].is_unasked
        assert outputs[-1].claude_session_id == "s"


class TestLargeAndHostilePayloads:
    def test_what_postgresql_refuses_is_replaced(self) -> None:
        (output,) = read(assistant({"type": "text", "text": "a\0b\ud800c\U0001f600"}))

        assert entry(output).payload["text"] == "a\ufffdb\ufffdc\U0001f600"

    @pytest.mark.parametrize(
        "message",
        [
            assistant({"type": "text", "text": "ü" * 2_000_000}),
            assistant({"type": "tool_use", "id": "t", "name": "Write", "input": {"content": "\0" * 2_000_000}}),
            assistant({"type": "tool_use", "id": "t", "name": "X", "input": {str(n): n for n in range(200_000)}}),
            assistant({"type": "tool_use", "id": "t", "name": "X", "input": {"a": ["\U0001f600" * 1000] * 3000}}),
            {
                "type": "user",
                "message": {"content": [{"type": "tool_result", "tool_use_id": "t", "content": "x" * 5_000_000}]},
                "tool_use_result": {"structuredPatch": [{"lines": ["+" + "y" * 5_000_000]}]},
            },
            {
                "type": "user",
                "message": {
                    "content": [
                        {
                            "type": "tool_result",
                            "tool_use_id": "t",
                            "content": [
                                {
                                    "type": "image",
                                    "source": {"type": "base64", "media_type": "image/png", "data": "A" * 80_000},
                                }
                            ]
                            * 40,
                        }
                    ]
                },
            },
        ],
        ids=["text", "input", "keys", "items", "result", "images"],
    )
    def test_are_cut_to_256_kilobytes_and_say_so(self, message: dict[str, Any]) -> None:
        (output,) = read(message)

        payload = entry(output).payload
        assert payload["is_truncated"] is True
        assert len(json.dumps(payload, ensure_ascii=False).encode()) <= 256 * 1024

    def test_small_payloads_do_not_say_that_they_were_cut(self) -> None:
        (output,) = read(assistant({"type": "tool_use", "id": "t", "name": "X", "input": {"a": 1}}))

        assert entry(output).payload == {"call_id": "t", "parent": None, "name": "X", "input": {"a": 1}}

    def test_line_of_a_hundred_megabytes_takes_a_small_multiple(self) -> None:
        block = {"type": "tool_result", "tool_use_id": "t", "content": "x" * 100_000_000}
        line = json.dumps({"type": "user", "message": {"content": [block]}}).encode()
        del block
        tracemalloc.start()

        _, (output,) = claude.reduce(claude.ReaderState(), line)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()

        assert entry(output).payload["is_truncated"] is True
        assert peak < 3.5 * len(line)

    def test_deep_input_is_cut_off(self) -> None:
        deep = json.loads('{"a":' * 400 + "1" + "}" * 400)

        (output,) = read(assistant({"type": "tool_use", "id": "t", "name": "X", "input": deep}))

        assert entry(output).payload["is_truncated"] is True
        assert json.dumps(entry(output).payload).count("{") < 60


class TestPermissionAsked:
    MESSAGE = {
        "type": "control_request",
        "request_id": "r1",
        "request": {
            "subtype": "can_use_tool",
            "tool_name": "Bash",
            "input": {"command": "ls"},
            "agent_id": "a1",
            "permission_suggestions": [{"type": "addRules"}, "junk"],
            "tool_use_id": "toolu_9",
            "decision_reason": "This command requires approval",
        },
    }

    def test_names_the_sub_agents_call_and_where_it_works(self) -> None:
        (_, asked) = read(
            {"type": "system", "subtype": "init", "cwd": "/workspace", "permissionMode": "default"},
            {"type": "system", "subtype": "task_started", "task_id": "a1", "tool_use_id": "toolu_1"},
            self.MESSAGE,
        )

        assert isinstance(asked, claude.PermissionAsked)
        assert (asked.parent, asked.cwd, asked.kind) == ("toolu_1", "/workspace", "TOOL")
        assert asked.description == "This command requires approval"
        assert asked.suggestions == ({"type": "addRules"},)

    def test_cut_suggestions_are_not_offered(self) -> None:
        request = {**self.MESSAGE["request"], "permission_suggestions": [{"rules": ["x" * 100_000]}]}  # type: ignore[dict-item]

        (asked,) = read({**self.MESSAGE, "request": request})

        assert isinstance(asked, claude.PermissionAsked)
        assert asked.suggestions == ()


class TestTurnEnded:
    def test_bills_what_was_used_since_the_result_before(self) -> None:
        usage = {"inputTokens": 10, "outputTokens": 2, "cacheReadInputTokens": 3, "cacheCreationInputTokens": 4}
        since = {"opus": {**usage, "costUSD": 0.1}, "haiku": {**usage, "costUSD": 0.2}}

        entered, ended = read({"type": "result", "total_cost_usd": 9, "model_usage_since_last_result": since})

        assert isinstance(ended, claude.TurnEnded)
        assert entered == ended.entry
        assert (ended.input_tokens, ended.output_tokens) == (20, 4)
        assert (ended.cache_read_tokens, ended.cache_write_tokens) == (6, 8)
        assert ended.entry.payload["cost_usd"] == "0.30000000"

    def test_older_clis_are_billed_by_the_difference(self) -> None:
        results = [
            {"type": "result", "total_cost_usd": cost, "usage": {"input_tokens": 5}} for cost in (0.5, 0.75, 0.2)
        ]

        costs = [output.entry.payload["cost_usd"] for output in read(*results) if isinstance(output, claude.TurnEnded)]

        assert costs == ["0.50000000", "0.25000000", "0.00000000"]

    @pytest.mark.parametrize("cost", ["NaN", "-5", "1e999", "x", None, True, {}])
    def test_money_is_never_negative_or_nonsense(self, cost: object) -> None:
        (_, ended) = read({"type": "result", "model_usage_since_last_result": {"opus": {"costUSD": cost}}})

        assert isinstance(ended, claude.TurnEnded)
        assert ended.cost_usd == 0


class TestReaderState:
    @pytest.mark.parametrize(
        "stored", [None, {}, [], "x", {"streams": 3, "counted": {"a": 1}, "agents": [[1, 2], ["a"]]}]
    )
    def test_begins_anew_with_what_is_no_state(self, stored: object) -> None:
        assert claude.ReaderState.from_json(stored) == claude.ReaderState()


def assert_storable(value: Any) -> None:
    """PostgreSQL takes no NUL, no lone surrogate, no NaN and no infinity."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    assert "\\u0000" not in text
    text.encode()

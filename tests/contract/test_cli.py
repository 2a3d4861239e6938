"""The real Claude Code CLI does what the driver relies on."""

from __future__ import annotations

import contextlib
import json
import re
import uuid
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest

from sessions import claude
from tests.contract import agent, scenarios, server
from tests.contract.agent import Agent, script

pytestmark = pytest.mark.cli


@contextlib.asynccontextmanager
async def played(name: str) -> AsyncIterator[Agent]:
    """The CLI after a scenario, still running."""
    scenario = scenarios.SCENARIOS[name]
    async with server.serving() as api, agent.running(url=api.url, mode=scenario.mode, model=scenario.model) as cli:
        await scenario.play(cli)
        yield cli


class TestConversation:
    async def test_streams_text_and_thinking_and_ends_with_the_message_id(self) -> None:
        async with server.serving() as api, agent.running(url=api.url) as cli:
            sent = await cli.prompt(script([{"thinking": "Let me see."}, {"text": "Good day."}]))
            ended = await cli.wait(claude.TurnEnded)

        assert [payload["text"] for payload in cli.entries("assistant.thinking")] == ["Let me see."]
        assert [payload["text"] for payload in cli.entries("assistant.text")] == ["Good day."]
        assert ended.message_ids == (sent,)
        assert not ended.is_error
        assert (ended.input_tokens, ended.output_tokens) == (100, 20)

    async def test_streamed_pieces_have_the_ids_of_the_final_blocks(self) -> None:
        async with played("text") as cli:
            final = {
                payload["block"]: payload["text"]
                for kind in ("assistant.text", "assistant.thinking")
                for payload in cli.entries(kind)
            }
            pieces = claude.merge_deltas(output for output in cli.outputs if isinstance(output, claude.Delta))

        assert {piece.block: piece.text for piece in pieces} == final

    async def test_reaches_the_gateway_through_its_socket_below_a_path(self, tmp_path: Path) -> None:
        socket = tmp_path / "api.sock"

        async with server.serving(socket) as api, agent.running(url=api.url, socket=socket) as cli:
            await cli.prompt(script([{"text": "Through the socket."}]))
            await cli.wait(claude.TurnEnded)

        assert cli.entries("assistant.text")[0]["text"] == "Through the socket."
        assert api.keys == ["slpg_practice"]

    async def test_same_message_twice_is_answered_once(self) -> None:
        async with server.serving() as api, agent.running(url=api.url) as cli:
            line = claude.user_message("0190c1a5-0000-7000-8000-000000000001", script([{"text": "Once."}]))
            await cli.send(line)
            await cli.wait(claude.TurnEnded)
            await cli.send(line)
            await cli.prompt(script([{"text": "Next."}]))
            await cli.wait(claude.TurnEnded, nth=2)

        assert [payload["text"] for payload in cli.entries("assistant.text")] == ["Once.", "Next."]

    async def test_goes_on_in_a_new_process_where_the_transcript_is(self, tmp_path: Path) -> None:
        async with server.serving() as api:
            async with agent.running(url=api.url, folder=tmp_path) as cli:
                await cli.prompt("Remember the word heron")
                asked = await cli.wait(claude.PermissionAsked)
                session_id = uuid.UUID((await cli.wait(claude.Initialized)).claude_session_id)
                await cli.send(claude.answer_deny(asked.request_id, "Stop.", interrupt=True))
                await cli.wait(claude.TurnEnded)
                await cli.send(claude.end_session("end-1"))
                await cli.process.wait()
            transcript = Path(claude.transcript_path(str(cli.home), str(cli.work), session_id))
            has_transcript = transcript.is_file()  # noqa: ASYNC240
            async with agent.running(url=api.url, folder=tmp_path, resumed=session_id) as cli:
                await cli.prompt(script([{"text": "I remember."}]))
                initialized = await cli.wait(claude.Initialized)
                await cli.wait(claude.TurnEnded)

        assert has_transcript
        assert initialized.claude_session_id == str(session_id)
        assert "heron" in json.dumps(api.bodies[-1]["messages"])

    async def test_ends_cleanly_when_asked(self) -> None:
        async with server.serving() as api, agent.running(url=api.url) as cli:
            await cli.send(claude.end_session("end-1"))

            assert await cli.process.wait() == 0


class TestPermissions:
    async def test_allowed_tools_run_as_asked(self) -> None:
        async with played("tools") as cli:
            assert (cli.work / "notes.txt").read_text() == "one\n2\nthree\n"

        results = cli.entries("tool.result")
        assert results[1]["patch"][0]["lines"] == [" one", "-two", "+2", " three"]
        assert results[2]["images"][0]["media_type"] == "image/png"
        assert (results[3]["is_error"], results[3]["text"]) == (True, "Exit code 3\n41")

    async def test_denied_tool_does_not_run_and_the_agent_reads_why(self) -> None:
        async with played("deny") as cli:
            assert not (cli.work / "refused.txt").exists()

        assert cli.entries("tool.result")[0]["text"] == "Not on a Friday."
        assert cli.entries("assistant.text")[0]["text"] == "As you wish."

    async def test_always_holds_for_the_session_and_leaves_no_settings_in_the_tree(self) -> None:
        async with played("always") as cli:
            assert sorted(file.name for file in cli.work.iterdir()) == ["a.txt", "b.txt"]

        assert len([output for output in cli.outputs if isinstance(output, claude.PermissionAsked)]) == 1

    async def test_rules_given_at_the_start_are_not_asked(self) -> None:
        async with server.serving() as api, agent.running(url=api.url, rules=("Bash(touch made.txt)",)) as cli:
            await cli.prompt(script([scenarios.bash("touch made.txt")], [{"text": "Made."}]))
            await cli.wait(claude.TurnEnded)

            assert (cli.work / "made.txt").exists()

        assert not [output for output in cli.outputs if isinstance(output, claude.PermissionAsked)]

    async def test_waiting_request_is_listed_again_and_withdrawn_by_an_interrupt(self) -> None:
        async with played("withdrawn") as cli:
            asked = await cli.wait(claude.PermissionAsked)
            listed = await cli.wait(claude.ControlReply, lambda reply: reply.request_id == "init-2")
            withdrawn = await cli.wait(claude.PermissionWithdrawn)

        assert [pending.request_id for pending in listed.pending] == [asked.request_id]
        assert withdrawn.request_id == asked.request_id

    async def test_question_is_answered(self) -> None:
        async with played("question") as cli:
            asked = await cli.wait(claude.PermissionAsked)

        assert asked.kind == "QUESTION"
        assert '"Which database?"="Postgres"' in cli.entries("tool.result")[0]["text"]

    async def test_plan_is_refused_and_then_approved(self) -> None:
        async with played("plan") as cli:
            asked = await cli.wait(claude.PermissionAsked)

        assert asked.kind == "PLAN"
        assert asked.input["plan"] == "# Plan\n\n1. Think.\n"
        assert [result["text"] for result in cli.entries("tool.result")][1] == "Think twice."
        assert claude.ModeChanged("default") in cli.outputs

    async def test_sub_agents_entries_and_requests_name_their_parent(self) -> None:
        async with played("sub_agent") as cli:
            asked = await cli.wait(claude.PermissionAsked)
            assert (cli.work / "made.txt").exists()

        call = next(payload for payload in cli.entries("tool.call") if payload["name"] == "Agent")
        assert asked.parent == call["call_id"]
        texts = {payload["text"]: payload["parent"] for payload in cli.entries("assistant.text")}
        assert texts["I am the sub-agent."] == call["call_id"]
        assert texts["It is done."] is None


class TestBackground:
    async def test_task_is_listed_goes_on_after_the_result_and_begins_a_turn(self) -> None:
        call = {**scenarios.bash("touch made.txt"), "input": {"command": "touch made.txt", "run_in_background": True}}
        async with server.serving() as api, agent.running(url=api.url, rules=("Bash(touch made.txt)",)) as cli:
            sent = await cli.prompt(script([call], [{"text": "It runs."}], [{"text": "It has ended."}]))
            first = await cli.wait(claude.TurnEnded)
            second = await cli.wait(claude.TurnEnded, nth=2)

        listed = [output.tasks for output in cli.outputs if isinstance(output, claude.BackgroundChanged)]
        assert [task["kind"] for task in listed[0]] == ["command"]
        assert listed[-1] == ()
        assert (first.message_ids, first.is_unasked) == ((sent,), False)
        assert (second.message_ids, second.is_unasked) == ((), True)


def _answers(name: str, reply: claude.ControlReply) -> bool:
    return reply.request_id == name


class TestSettings:
    async def test_model_and_mode_are_switched_in_mid_turn_and_wrong_ones_refused(self) -> None:
        async with server.serving() as api, agent.running(url=api.url) as cli:
            await cli.prompt(script([{"text": "Hello", "chunks": 2}, {"sleep": 300}]))
            await cli.wait(claude.Delta, lambda delta: delta.offset > 0)
            await cli.send(claude.set_model("m1", "sonnet"))
            await cli.send(claude.set_model("m2", "claude-nope-9"))
            await cli.send(claude.set_permission_mode("p1", "bypassPermissions"))
            replies = {
                name: await cli.wait(claude.ControlReply, partial(_answers, name)) for name in ("m1", "m2", "p1")
            }

        assert (replies["m1"].error, replies["p1"].error) == ("", "")
        assert "not found" in replies["m2"].error
        assert claude.ModeChanged("bypassPermissions") in cli.outputs

    async def test_model_that_a_slash_command_chose_is_told_and_answers_next(self) -> None:
        async with server.serving() as api, agent.running(url=api.url) as cli:
            await cli.prompt("/model haiku")
            chosen = await cli.wait(claude.ModelChosen)
            await cli.wait(claude.TurnEnded)
            await cli.prompt(script([{"text": "Here I am."}]))
            await cli.wait(claude.TurnEnded, nth=2)

        assert chosen.model == "haiku"
        assert "haiku" in api.bodies[-1]["model"]

    async def test_rules_given_in_mid_session_hold(self) -> None:
        async with server.serving() as api, agent.running(url=api.url) as cli:
            await cli.send(claude.allow_rules("rules-1", ["Bash(touch made.txt)"]))
            await cli.prompt(script([scenarios.bash("touch made.txt")], [{"text": "Made."}]))
            await cli.wait(claude.TurnEnded)

            assert (cli.work / "made.txt").exists()

        assert not [output for output in cli.outputs if isinstance(output, claude.PermissionAsked)]

    async def test_handshake_lists_commands_and_the_model_gives_a_title(self) -> None:
        async with server.serving() as api, agent.running(url=api.url) as cli:
            greeted = await cli.wait(claude.ControlReply)
            await cli.send(claude.ask_title("title", "Write a program that counts words"))
            titled = await cli.wait(claude.ControlReply, lambda reply: reply.request_id == "title")

        assert "compact" in [command["name"] for command in greeted.commands or ()]
        assert "counts" in titled.title

    async def test_images_reach_the_model(self) -> None:
        async with server.serving() as api, agent.running(url=api.url) as cli:
            images = [("image/png", scenarios.png())]
            await cli.send(claude.user_message(str(uuid.uuid4()), script([{"text": "Grey."}]), images))
            await cli.wait(claude.TurnEnded)

        assert '"image/png"' in json.dumps(api.bodies[-1]["messages"])

    async def test_clearing_gives_the_conversation_another_id_and_compacting_is_told(self) -> None:
        async with server.serving() as api, agent.running(url=api.url) as cli:
            await cli.prompt(script([{"text": "One."}]))
            first = await cli.wait(claude.TurnEnded)
            await cli.prompt("/compact")
            await cli.wait(claude.TurnEnded, nth=2)
            await cli.prompt("/clear")
            cleared = await cli.wait(claude.TurnEnded, nth=3)

        assert cli.entries("context.compacted")[0]["trigger"] == "manual"
        assert first.claude_session_id != cleared.claude_session_id


class TestTrouble:
    async def test_interrupted_turn_ends_and_the_next_one_works(self) -> None:
        async with played("interrupted") as cli:
            first, second = [output for output in cli.outputs if isinstance(output, claude.TurnEnded)]

        assert (first.is_error, first.error) == (True, "The turn was interrupted.")
        assert not second.is_error

    @pytest.mark.parametrize(
        ("status", "cause", "advice"),
        [(401, "had an error", "key"), (429, "too many requests", "minute"), (529, "was overloaded", "overloaded")],
    )
    async def test_failed_model_call_is_explained_and_the_next_turn_works(
        self, status: int, cause: str, advice: str
    ) -> None:
        async with played(f"api_{status}") as cli:
            first, second = [output for output in cli.outputs if isinstance(output, claude.TurnEnded)]

        retry, failure = cli.entries("agent.notice")
        assert re.fullmatch(rf"The model .*{cause}\. Retrying \(attempt 1 of 1\)…", retry["text"])
        assert retry["detail"].startswith(f"{status} ")
        assert failure["level"] == "error"
        assert advice in failure["text"]
        assert first.is_error
        assert advice in first.error
        assert not second.is_error

    async def test_passing_trouble_is_overcome(self) -> None:
        async with played("recovered") as cli:
            ended = [output for output in cli.outputs if isinstance(output, claude.TurnEnded)]

        assert [turn.is_error for turn in ended] == [False, False]

    async def test_unknown_model_is_named(self) -> None:
        async with played("unknown_model") as cli:
            ended = await cli.wait(claude.TurnEnded)

        assert ended.is_error
        assert "Choose another one" in ended.error
        assert "claude-nope-9" in cli.entries("agent.notice")[0]["detail"]


class TestRecordings:
    @pytest.mark.parametrize("name", ["text", "deny"])
    async def test_cli_still_writes_what_was_recorded(self, name: str) -> None:
        from tests.sessions import golden

        async with played(name) as cli:
            now = [type(output).__name__ for output in cli.outputs if not isinstance(output, claude.StateChanged)]

        before = [type(output).__name__ for output in golden.outputs_of(name)]
        assert now == [kind for kind in before if kind != "StateChanged"]

"""Lines and command lines for the CLI."""

from __future__ import annotations

import json
from functools import partial
from typing import Any
from uuid import UUID

import pytest

from sessions import claude

ID = UUID("0190c1a5-0000-7000-8000-000000000001")


class TestLines:
    @pytest.mark.parametrize("text", ["plain", "two\nlines\r\n", "\u2028 \0 \ud800 \U0001f600", "x" * 3_000_000])
    def test_any_prompt_is_one_line_of_ascii(self, text: str) -> None:
        line = claude.user_message(ID, text)

        assert line.count(b"\n") == 1
        assert line.endswith(b"\n")
        assert line.isascii()
        assert json.loads(line)["message"] == {"role": "user", "content": text}
        assert json.loads(line)["uuid"] == str(ID)

    def test_text_of_ours_runs_no_commands(self) -> None:
        assert json.loads(claude.user_message(ID, "/clear", client_composed=True))["client_composed"] is True
        assert "client_composed" not in json.loads(claude.user_message(ID, "/clear"))

    def test_allowing_lets_the_cli_run_its_own_input(self) -> None:
        answer = json.loads(claude.answer_allow("r1", {"command": "cut for storage"}))

        assert answer["response"] == {
            "subtype": "success",
            "request_id": "r1",
            "response": {"behavior": "allow"},
        }

    def test_answers_of_a_question_go_with_its_input(self) -> None:
        answer = json.loads(claude.answer_allow("r1", {"questions": []}, answers={"Which?": "This"}))

        updated = {"questions": [], "answers": {"Which?": "This"}}
        assert answer["response"]["response"] == {"behavior": "allow", "updatedInput": updated}

    def test_permissions_never_change_beyond_the_session(self) -> None:
        suggestion = {"type": "addRules", "rules": [], "behavior": "allow", "destination": "localSettings"}

        answer = json.loads(claude.answer_allow("r1", {}, updated_permissions=[suggestion]))

        (update,) = answer["response"]["response"]["updatedPermissions"]
        assert update == {**suggestion, "destination": "session"}

    @pytest.mark.parametrize(
        "suggestion",
        [
            {"type": "setMode", "mode": "bypassPermissions"},
            {"type": "setMode", "mode": "dontAsk"},
            {"type": "setMode"},
            {"type": "addRules", "rules": [], "behavior": "deny"},
            {"type": "removeRules", "rules": [], "behavior": "deny"},
            {"type": "replaceRules", "rules": [], "behavior": "allow"},
            {"type": ["addRules"]},
            {},
        ],
    )
    def test_what_no_card_shows_is_not_allowed_along(self, suggestion: dict[str, Any]) -> None:
        shown: list[dict[str, Any]] = [
            {"type": "setMode", "mode": "acceptEdits"},
            {"type": "addDirectories", "directories": ["/x"]},
        ]

        answer = json.loads(claude.answer_allow("r1", {}, updated_permissions=[suggestion, *shown]))

        updates = answer["response"]["response"]["updatedPermissions"]
        assert updates == [{**one, "destination": "session"} for one in shown]

    def test_denying_may_end_the_turn(self) -> None:
        assert json.loads(claude.answer_deny("r1", "No."))["response"]["response"] == {
            "behavior": "deny",
            "message": "No.",
        }
        assert json.loads(claude.answer_deny("r1", "No.", interrupt=True))["response"]["response"]["interrupt"] is True

    @pytest.mark.parametrize(
        ("line", "asked"),
        [
            (claude.interrupt("r"), {"subtype": "interrupt"}),
            (claude.end_session("r"), {"subtype": "end_session"}),
            (claude.set_model("r", None), {"subtype": "set_model", "model": None}),
            (claude.set_permission_mode("r", "plan"), {"subtype": "set_permission_mode", "mode": "plan"}),
            (claude.initialize("r"), {"subtype": "initialize", "hooks": None, "forwardSubagentText": True}),
        ],
    )
    def test_control_requests_carry_their_fields(self, line: bytes, asked: dict[str, object]) -> None:
        assert json.loads(line) == {"type": "control_request", "request_id": "r", "request": asked}


class TestArgv:
    def test_resumes_what_exists_and_else_chooses_the_id(self) -> None:
        command = partial(claude.argv, "claude", claude_session_id=ID, model="sonnet", permission_mode="plan")

        assert command(resume=True)[-2:] == ["--resume", str(ID)]
        assert command(resume=False)[-2:] == ["--session-id", str(ID)]

    def test_rules_are_settings_and_not_words_of_the_command_line(self) -> None:
        rule = "Bash(echo a, b --model x)"

        command = claude.argv(
            "claude",
            claude_session_id=ID,
            resume=False,
            model="opus",
            permission_mode="default",
            allowed_rules=[rule],
        )

        assert json.loads(command[command.index("--settings") + 1]) == {"permissions": {"allow": [rule]}}

    def test_leaves_the_repositorys_own_settings_out(self) -> None:
        command = claude.argv("claude", claude_session_id=ID, resume=True, model="opus", permission_mode="default")

        assert command[command.index("--setting-sources") + 1] == "user"
        assert "--strict-mcp-config" in command


class TestEnvironment:
    def test_holds_the_token_and_the_socket_and_nothing_of_the_server(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("CANARY", "server-secret")

        environment = claude.environment(home="/home/agent", socket="/run/api.sock", token="slpg_x")

        assert environment["ANTHROPIC_API_KEY"] == "slpg_x"
        assert environment["ANTHROPIC_UNIX_SOCKET"] == "/run/api.sock"
        assert environment["ANTHROPIC_BASE_URL"] == "http://gateway.local/gateway/anthropic"
        assert "server-secret" not in environment.values()

    def test_transcript_is_where_the_cli_looks_for_it(self) -> None:
        path = claude.transcript_path("/home/agent", "/workspace", ID)

        assert path == f"/home/agent/.claude/projects/-workspace/{ID}.jsonl"

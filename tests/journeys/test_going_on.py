"""What a session has learnt or left running outlives agents and servers: rules, a cleared conversation, tasks."""

from __future__ import annotations

import json
import os
import signal
from typing import Any

import pytest

from tests.journeys.curl import Curl, events_of, first_project, first_session, newcomer, wait_for
from tests.journeys.server import Server
from tests.journeys.test_death import agent_pid

pytestmark = [pytest.mark.cli, pytest.mark.timeout(300), pytest.mark.undisturbed("kills agents and the server itself")]

TURN_S = 90


@pytest.fixture
def curl(mortal: Server) -> Curl:
    return newcomer(mortal)


def script(*steps: dict[str, Any]) -> str:
    return f"<<<{json.dumps(list(steps))}>>>"


def bash(command: str, **more: Any) -> dict[str, Any]:
    return {"tool": "Bash", "input": {"command": command, "description": "Try it", **more}}


def shown(curl: Curl, session: str) -> dict[str, Any]:
    return dict(curl.call("GET", f"/sessions/{session}"))


def payloads(curl: Curl, session: str, kind: str) -> list[dict[str, Any]]:
    return [event["payload"] for event in events_of(curl, session) if event["kind"] == kind]


def turns(curl: Curl, session: str, count: int) -> list[dict[str, Any]]:
    """The ends of so many turns, and then nothing runs any more."""
    wait_for(lambda: len(payloads(curl, session, "turn.completed")) >= count, TURN_S)
    wait_for(lambda: shown(curl, session)["active_job"] is None, TURN_S)
    return payloads(curl, session, "turn.completed")


def say(curl: Curl, session: str, text: str) -> None:
    curl.call("POST", f"/sessions/{session}/messages", {"text": text})


def restart(server: Server) -> None:
    server.stop(signal.SIGKILL)
    server.start()


class TestARule:
    def test_holds_for_the_process_after_the_one_that_learnt_it(self, curl: Curl) -> None:
        twice = script(bash("touch made.txt"), {"text": "made"})
        session = first_session(curl, first_project(curl), twice)["id"]
        (asked,) = wait_for(lambda: shown(curl, session)["pending_permissions"], TURN_S)
        answer = {"permission_id": asked["id"], "decision": "allow", "always": True}
        curl.call("POST", f"/sessions/{session}/approve", answer)
        turns(curl, session, 1)
        pid = wait_for(lambda: agent_pid(session))
        os.kill(pid, signal.SIGKILL)
        wait_for(lambda: not os.path.exists(f"/proc/{pid}"))

        say(curl, session, twice)
        ended = turns(curl, session, 2)

        assert [turn["is_error"] for turn in ended] == [False, False]
        assert len(payloads(curl, session, "permission.requested")) == 1
        assert [call["is_error"] for call in payloads(curl, session, "tool.result")] == [False, False]


class TestAClearedConversation:
    def test_stays_cleared_when_server_and_agent_are_killed(self, curl: Curl, mortal: Server) -> None:
        session = first_session(curl, first_project(curl), script({"text": "before"}))["id"]
        turns(curl, session, 1)
        say(curl, session, "/clear")
        turns(curl, session, 2)
        cleared = shown(curl, session)["claude_session_id"]
        pid = wait_for(lambda: agent_pid(session))
        mortal.stop(signal.SIGKILL)
        os.kill(pid, signal.SIGKILL)
        mortal.start()

        say(curl, session, script({"text": "after"}))
        turns(curl, session, 3)

        begun = payloads(curl, session, "turn.started")
        told = [text["text"] for text in payloads(curl, session, "assistant.text")]
        assert begun[0]["claude_session_id"] != cleared
        assert told == ["before", "after"]
        assert [notice["level"] for notice in payloads(curl, session, "agent.notice")].count("error") == 0
        assert shown(curl, session)["claude_session_id"] == begun[-1]["claude_session_id"]


class TestABackgroundTask:
    def test_is_followed_by_the_next_server_and_begins_a_turn(self, curl: Curl, mortal: Server) -> None:
        call = bash("while ! test -e go; do sleep 0.2; done; echo gone", run_in_background=True)
        prompt = script(call, {"text": "It runs."}, {"text": "It has ended."})
        session = first_session(curl, first_project(curl), prompt, permission_mode="bypassPermissions")["id"]
        turns(curl, session, 1)
        left = wait_for(lambda: shown(curl, session)["background"])

        restart(mortal)
        still = shown(curl, session)["background"]
        (go,) = (mortal.data_dir / "sandboxes" / session).glob("work")
        (go / "go").touch()
        turns(curl, session, 2)
        wait_for(lambda: shown(curl, session)["background"] == [])

        jobs = {job["job_id"]: job["trigger"] for job in payloads(curl, session, "job.status")}
        told = [text["text"] for text in payloads(curl, session, "assistant.text")]
        assert (len(left), still) == (1, left)
        assert sorted(jobs.values()) == ["AGENT", "MESSAGE"]
        assert told == ["It runs.", "It has ended."]
        assert len(payloads(curl, session, "turn.completed")) == 2

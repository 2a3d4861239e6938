"""Death while nobody looks: agents and sandboxes that end between turns, and agents that rest."""

from __future__ import annotations

import contextlib
import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.journeys.curl import Curl, events_of, first_project, wait_for
from tests.journeys.person import Person
from tests.journeys.server import Server, running

pytestmark = [
    pytest.mark.cli,
    pytest.mark.timeout(300),
    pytest.mark.undisturbed("kills agents, sandboxes and servers itself"),
]

NOTICED_S = 30


@pytest.fixture(scope="module")
def mortal() -> Iterator[Server]:
    """A server of its own, whose agents soon rest."""
    with running(SLIPWAY_AGENT_IDLE_S="8") as started:
        yield started


@pytest.fixture
def curl(mortal: Server, request: pytest.FixtureRequest) -> Curl:
    someone = Person(mortal, f"user{abs(hash(request.node.name))}@example.com")
    someone.sign_up()
    return Curl(mortal, someone.make_token())


def script(*steps: dict[str, Any]) -> str:
    return f"<<<{json.dumps(list(steps))}>>>"


def begin(curl: Curl, project: dict[str, Any], name: str, *steps: dict[str, Any]) -> str:
    body = {"name": name, "prompt": script(*steps), "permission_mode": "bypassPermissions"}
    return str(curl.call("POST", f"/projects/{project['id']}/sessions", body)["items"][0]["id"])


def shown(curl: Curl, session_id: str) -> dict[str, Any]:
    return dict(curl.call("GET", f"/sessions/{session_id}"))


def until(curl: Curl, session_id: str, *statuses: str, timeout_s: float = 90) -> dict[str, Any]:
    wait_for(lambda: shown(curl, session_id)["status"] in statuses, timeout_s)
    return shown(curl, session_id)


def payloads(curl: Curl, session_id: str, kind: str) -> list[dict[str, Any]]:
    return [event["payload"] for event in events_of(curl, session_id) if event["kind"] == kind]


def goes_on(curl: Curl, session_id: str) -> None:
    """The next message finds the working tree and the conversation."""
    turns = len(payloads(curl, session_id, "turn.completed"))
    steps = {"tool": "Bash", "input": {"command": "cat kept.txt"}}, {"text": "still here"}
    curl.call("POST", f"/sessions/{session_id}/messages", {"text": script(*steps)})
    wait_for(lambda: len(payloads(curl, session_id, "turn.completed")) > turns, 90)
    assert until(curl, session_id, "COMPLETED")["status_reason"] == ""
    assert payloads(curl, session_id, "tool.result")[-1]["text"] == "kept"
    assert len({turn["claude_session_id"] for turn in payloads(curl, session_id, "turn.started")}) == 1


KEEP = {"tool": "Bash", "input": {"command": "echo kept > kept.txt"}}


def sandbox_pid(server: Server, session_id: str) -> int:
    handle = server.data_dir / "sandboxes" / session_id / "handle.json"
    return int(json.loads(handle.read_text())["pid"])


def agent_pid(session_id: str) -> int | None:
    """The session's agent, by the variable that it was started with."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                is_its = f"SLIPWAY_SESSION_ID={session_id}".encode() in (entry / "environ").read_bytes().split(b"\0")
                if is_its and b"--session-id" in (entry / "cmdline").read_bytes():
                    return int(entry.name)
    return None


class TestDeathBetweenTurns:
    def test_of_the_agent_is_noticed_named_and_survived(self, curl: Curl) -> None:
        session_id = begin(curl, first_project(curl), "agent", KEEP, {"text": "done"})
        until(curl, session_id, "COMPLETED")
        os.kill(wait_for(lambda: agent_pid(session_id)), signal.SIGKILL)

        died = until(curl, session_id, "ERROR", timeout_s=NOTICED_S)

        assert "(signal 9). Send a message to go on." in died["status_reason"]
        assert payloads(curl, session_id, "agent.exited")[-1]["signal"] == 9
        goes_on(curl, session_id)

    def test_of_the_sandbox_is_noticed_named_and_survived(self, curl: Curl, mortal: Server) -> None:
        session_id = begin(curl, first_project(curl), "sandbox", KEEP, {"text": "done"})
        until(curl, session_id, "COMPLETED")
        os.kill(sandbox_pid(mortal, session_id), signal.SIGKILL)

        died = until(curl, session_id, "STOPPED", timeout_s=NOTICED_S)

        assert died["status_reason"].startswith("The sandbox was killed")
        assert died["status_reason"].endswith("The files are kept. Send a message to go on.")
        goes_on(curl, session_id)


class TestAnAgentWithoutWork:
    def test_rests_after_a_while_and_comes_back_with_its_conversation(self, curl: Curl) -> None:
        session_id = begin(curl, first_project(curl), "idle", KEEP, {"text": "done"})
        until(curl, session_id, "COMPLETED")
        assert agent_pid(session_id)

        wait_for(lambda: agent_pid(session_id) is None, timeout_s=60)

        assert shown(curl, session_id)["status"] == "COMPLETED"
        assert payloads(curl, session_id, "agent.exited") == []
        goes_on(curl, session_id)

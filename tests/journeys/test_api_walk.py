"""The walk by API alone: a bearer token and curl, as the README shows it."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from typing import Any

import pytest

from tests.journeys.curl import Curl, allow_all_until_done, events_of, first_project, first_session, wait_for
from tests.journeys.patience import PATIENCE
from tests.journeys.person import Person
from tests.journeys.server import CANARY, Server

pytestmark = [pytest.mark.cli, pytest.mark.timeout(300 * PATIENCE)]


@pytest.fixture
def curl(server: Server, person: Callable[[str], Person]) -> Curl:
    return Curl(server, person("alice").make_token())


class TestTheWalkByApi:
    def test_ends_with_a_diff_and_a_complete_stream(self, curl: Curl, server: Server) -> None:
        project = first_project(curl)
        session = first_session(curl, project, "Write a small fizzbuzz program and test it")
        streamed: list[dict[str, Any]] = []
        follower = curl.stream(f"/sessions/{session['id']}/stream?after=0", streamed)

        done = allow_all_until_done(curl, session["id"])

        assert (done["status"], done["git_status"], done["is_practice"]) == ("COMPLETED", "DIRTY", True)
        diff = curl.call("GET", f"/sessions/{session['id']}/diff")
        assert {file["path"] for file in diff["files"]} == {"fizzbuzz.py", "test_fizzbuzz.py"}
        stored = events_of(curl, session["id"])
        assert [event["seq"] for event in stored] == list(range(1, len(stored) + 1))
        wait_for(lambda: [int(e["id"]) for e in streamed if "id" in e] == [e["seq"] for e in stored])
        follower.terminate()
        follower.wait()
        assert any(event.get("event") == "delta" for event in streamed)
        assert CANARY not in json.dumps([stored, streamed, diff])

    def test_sends_the_same_message_once(self, curl: Curl) -> None:
        session = first_session(curl, first_project(curl), "hello")
        allow_all_until_done(curl, session["id"])
        message = {"id": str(uuid.uuid4()), "text": "hello again"}

        first = curl.call("POST", f"/sessions/{session['id']}/messages", message)
        second = curl.call("POST", f"/sessions/{session['id']}/input", message)
        allow_all_until_done(curl, session["id"], jobs_ended=2)

        assert first["message"]["id"] == second["message"]["id"] == message["id"]
        texts = [e["payload"]["text"] for e in events_of(curl, session["id"]) if e["kind"] == "message.user"]
        assert texts == ["hello", "hello again"]

    def test_tells_the_agent_why_something_was_denied(self, curl: Curl) -> None:
        session = first_session(curl, first_project(curl), "Write a program")
        pending = wait_for(lambda: curl.call("GET", f"/sessions/{session['id']}")["pending_permissions"])

        body = {"permission_id": pending[0]["id"], "decision": "deny", "reason": "not in this folder please"}
        curl.call("POST", f"/sessions/{session['id']}/approve", body)
        allow_all_until_done(curl, session["id"])

        results = [e["payload"] for e in events_of(curl, session["id"]) if e["kind"] == "tool.result"]
        assert results[0]["is_error"]
        assert "not in this folder please" in results[0]["text"]
        again = curl.call("POST", f"/sessions/{session['id']}/approve", {**body, "decision": "allow"})
        assert again["error"] == "conflict"

    def test_keeps_the_context_over_a_stop(self, curl: Curl) -> None:
        session = first_session(curl, first_project(curl), "Write a program")
        before = allow_all_until_done(curl, session["id"])
        curl.call("POST", f"/sessions/{session['id']}/stop")
        wait_for(lambda: curl.call("GET", f"/sessions/{session['id']}")["status"] == "STOPPED")

        curl.call("POST", f"/sessions/{session['id']}/messages", {"text": "hello"})
        after = allow_all_until_done(curl, session["id"], jobs_ended=2)

        assert after["status"] == "COMPLETED"
        assert after["claude_session_id"] == before["claude_session_id"]
        assert len(curl.call("GET", f"/sessions/{session['id']}/diff")["files"]) == 2

    def test_cancels_a_turn_at_once_and_takes_the_next(self, curl: Curl) -> None:
        script = '<<<[[{"text": "one"}, {"sleep": 15}]]>>>'
        session = first_session(curl, first_project(curl), script)
        wait_for(lambda: any(e["kind"] == "turn.started" for e in events_of(curl, session["id"])))

        curl.call("POST", f"/sessions/{session['id']}/cancel")
        assert curl.call("GET", f"/sessions/{session['id']}")["active_job"] is None
        curl.call("POST", f"/sessions/{session['id']}/messages", {"text": "hello"})
        allow_all_until_done(curl, session["id"], jobs_ended=2)

        statuses = [e["payload"]["status"] for e in events_of(curl, session["id"]) if e["kind"] == "job.status"]
        assert "CANCELLED" in statuses
        assert statuses[-1] == "COMPLETED"

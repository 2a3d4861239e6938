"""The walk by API alone: a bearer token and curl, as the README shows it."""

from __future__ import annotations

import json
import shutil
import subprocess
import threading
import time
import uuid
from collections.abc import Callable
from typing import Any

import pytest

from tests.journeys.person import Person
from tests.journeys.server import CANARY, Server

pytestmark = pytest.mark.cli
TURN_TIMEOUT_S = 60


class Curl:
    """`curl` with a bearer token against one server."""

    def __init__(self, server: Server, token: str) -> None:
        self.server, self.token = server, token

    def command(self, method: str, path: str, body: dict[str, Any] | None) -> list[str]:
        curl = shutil.which("curl")
        assert curl, "curl is missing"
        data = [] if body is None else ["--header", "Content-Type: application/json", "--data-binary", "@-"]
        authorization = f"Authorization: Bearer {self.token}"
        return [curl, "--silent", "--request", method, "--header", authorization, *data, f"{self.server.url}/api{path}"]

    def call(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        sent = b"" if body is None else json.dumps(body).encode()
        done = subprocess.run(self.command(method, path, body), input=sent, capture_output=True, check=True, timeout=60)
        return json.loads(done.stdout or b"null")

    def stream(self, path: str, into: list[dict[str, Any]]) -> subprocess.Popen[bytes]:
        """Follow an SSE stream in the background; each event's id, name and data are collected."""
        command = [*self.command("GET", path, None), "--no-buffer"]
        process = subprocess.Popen(command, stdout=subprocess.PIPE)
        threading.Thread(target=_collect, args=(process, into), daemon=True).start()
        return process


def _collect(process: subprocess.Popen[bytes], into: list[dict[str, Any]]) -> None:
    assert process.stdout
    event: dict[str, Any] = {}
    with process.stdout as lines:
        for line in lines:
            name, _, value = line.decode().rstrip("\n").partition(": ")
            if name:
                event[name] = value
            elif event:
                into.append(event)
                event = {}


def first_project(curl: Curl, source: str = "SAMPLE") -> dict[str, Any]:
    organization = curl.call("GET", "/me")["organizations"][0]["id"]
    project = curl.call("POST", "/projects", {"organization_id": organization, "name": "demo", "source": source})
    assert project["status"] == "READY", project
    return dict(project)


def first_session(curl: Curl, project: dict[str, Any], prompt: str) -> dict[str, Any]:
    answer = curl.call("POST", f"/projects/{project['id']}/sessions", {"name": "feature", "prompt": prompt})
    return dict(answer["items"][0])


def allow_all_until_done(curl: Curl, session_id: str, *, jobs_ended: int = 1) -> dict[str, Any]:
    """Answer what the agent asks, until so many jobs of the session have ended."""
    deadline = time.monotonic() + TURN_TIMEOUT_S
    while time.monotonic() < deadline:
        session = dict(curl.call("GET", f"/sessions/{session_id}"))
        for permission in session["pending_permissions"]:
            curl.call("POST", f"/sessions/{session_id}/approve", {"permission_id": permission["id"], "decision": "allow"})
        ended = [e for e in events_of(curl, session_id) if e["kind"] == "job.status" and is_final(e["payload"]["status"])]
        if len(ended) >= jobs_ended and session["active_job"] is None:
            return session
        time.sleep(0.2)
    raise AssertionError(f"the turn did not end: {events_of(curl, session_id)[-5:]}")


def is_final(status: str) -> bool:
    return status in ("COMPLETED", "FAILED", "CANCELLED")


def events_of(curl: Curl, session_id: str) -> list[dict[str, Any]]:
    return list(curl.call("GET", f"/sessions/{session_id}/events?after=0&limit=200")["items"])


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
        self.wait_for(lambda: [int(e["id"]) for e in streamed if "id" in e] == [e["seq"] for e in stored])
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
        pending = self.wait_for(lambda: curl.call("GET", f"/sessions/{session['id']}")["pending_permissions"])

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
        self.wait_for(lambda: curl.call("GET", f"/sessions/{session['id']}")["status"] == "STOPPED")

        curl.call("POST", f"/sessions/{session['id']}/messages", {"text": "hello"})
        after = allow_all_until_done(curl, session["id"], jobs_ended=2)

        assert after["status"] == "COMPLETED"
        assert after["claude_session_id"] == before["claude_session_id"]
        assert len(curl.call("GET", f"/sessions/{session['id']}/diff")["files"]) == 2

    def test_cancels_a_turn_at_once_and_takes_the_next(self, curl: Curl) -> None:
        script = '<<<[[{"text": "one"}, {"sleep": 60}]]>>>'
        session = first_session(curl, first_project(curl), script)
        self.wait_for(lambda: any(e["kind"] == "turn.started" for e in events_of(curl, session["id"])))

        curl.call("POST", f"/sessions/{session['id']}/cancel")
        assert curl.call("GET", f"/sessions/{session['id']}")["active_job"] is None
        curl.call("POST", f"/sessions/{session['id']}/messages", {"text": "hello"})
        allow_all_until_done(curl, session["id"], jobs_ended=2)

        statuses = [e["payload"]["status"] for e in events_of(curl, session["id"]) if e["kind"] == "job.status"]
        assert "CANCELLED" in statuses
        assert statuses[-1] == "COMPLETED"

    @staticmethod
    def wait_for(condition: Callable[[], Any], timeout_s: float = 30) -> Any:
        deadline = time.monotonic() + timeout_s
        while not (value := condition()):
            assert time.monotonic() < deadline, "it did not happen in time"
            time.sleep(0.1)
        return value

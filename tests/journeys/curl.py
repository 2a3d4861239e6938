"""`curl` as a client of the API, and the steps that journeys share."""

from __future__ import annotations

import json
import shutil
import subprocess
import threading
import time
import uuid
from collections.abc import Callable
from typing import Any

from tests.journeys.patience import AWAY, IS_CHAOS, PATIENCE, PAUSE_S, TRIES, key_of, pauses, tries
from tests.journeys.person import Person
from tests.journeys.server import Server

TURN_TIMEOUT_S = 90 * PATIENCE


class Curl:
    """`curl` with a bearer token against one server."""

    def __init__(self, server: Server, token: str) -> None:
        self.server, self.token = server, token

    def command(self, method: str, path: str, body: dict[str, Any] | None) -> list[str]:
        curl = shutil.which("curl")
        assert curl, "curl is missing"
        data = [] if body is None else ["--header", "Content-Type: application/json", "--data-binary", "@-"]
        authorization = f"Authorization: Bearer {self.token}"
        for name, value in key_of(method, path, body).items():
            data += ["--header", f"{name}: {value}"]
        return [curl, "--silent", "--request", method, "--header", authorization, *data, f"{self.server.url}/api{path}"]

    def call(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        sent = b"" if body is None else json.dumps(body).encode()
        command = [*self.command(method, path, body), "--write-out", "\n%{http_code}"]
        for number in tries():
            done = subprocess.run(command, input=sent, capture_output=True, timeout=60)
            answer, _, status = done.stdout.rpartition(b"\n")
            if method == "DELETE" and status == b"404" and number:
                return None  # the try before, whose answer was lost
            if done.returncode == 0 and not (IS_CHAOS and int(status) in AWAY):
                return json.loads(answer or b"null")
        raise AssertionError(f"{method} {path}: curl ends with {done.returncode}, {status.decode()}: {answer[:500]!r}")

    def stream(self, path: str, into: list[dict[str, Any]]) -> Follower:
        """Follow an SSE stream in the background; each event's id, name and data are collected."""
        return Follower(self, path, into)


def newcomer(server: Server) -> Curl:
    """Someone new, who has signed up and made a token."""
    someone = Person(server, f"user{uuid.uuid4().hex[:8]}@example.com")
    someone.sign_up()
    return Curl(server, someone.make_token())


class Follower:
    """`curl` on an event stream; where servers die it comes back by the last number, as browsers do."""

    def __init__(self, curl: Curl, path: str, into: list[dict[str, Any]]) -> None:
        self._curl, self._path, self._into = curl, path, into
        self._is_over = False
        self._process = self._connect()
        self._thread = threading.Thread(target=self._follow, daemon=True)
        self._thread.start()

    def _connect(self) -> subprocess.Popen[bytes]:
        last = next((event["id"] for event in reversed(self._into) if "id" in event), "")
        header = ["--header", f"Last-Event-ID: {last}"] if last else []
        command = [*self._curl.command("GET", self._path, None), *header, "--no-buffer", "--fail"]
        return subprocess.Popen(command, stdout=subprocess.PIPE)

    def _follow(self) -> None:
        for _ in range(TRIES):
            _collect(self._process, self._into)
            self._process.wait()
            if self._is_over or not IS_CHAOS:
                return
            time.sleep(PAUSE_S)
            self._process = self._connect()

    def terminate(self) -> None:
        self._is_over = True
        self._process.terminate()

    def wait(self) -> None:
        self._thread.join(20)
        self._process.wait(20)


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


def first_session(curl: Curl, project: dict[str, Any], prompt: str, **more: Any) -> dict[str, Any]:
    answer = curl.call("POST", f"/projects/{project['id']}/sessions", {"name": "feature", "prompt": prompt, **more})
    return dict(answer["items"][0])


def allow_all_until_done(curl: Curl, session_id: str, *, jobs_ended: int = 1) -> dict[str, Any]:
    """Answer what the agent asks, until so many jobs of the session have ended."""
    deadline = time.monotonic() + TURN_TIMEOUT_S
    while time.monotonic() < deadline:
        session = dict(curl.call("GET", f"/sessions/{session_id}"))
        for permission in session["pending_permissions"]:
            curl.call(
                "POST", f"/sessions/{session_id}/approve", {"permission_id": permission["id"], "decision": "allow"}
            )
        ended = [
            e for e in events_of(curl, session_id) if e["kind"] == "job.status" and is_final(e["payload"]["status"])
        ]
        if len(ended) >= jobs_ended and session["active_job"] is None:
            return dict(curl.call("GET", f"/sessions/{session_id}"))
        time.sleep(0.2)
    raise AssertionError(f"the turn did not end: {events_of(curl, session_id)[-5:]}")


def is_final(status: str) -> bool:
    return status in ("COMPLETED", "FAILED", "CANCELLED")


def events_of(curl: Curl, session_id: str) -> list[dict[str, Any]]:
    return list(curl.call("GET", f"/sessions/{session_id}/events?after=0&limit=200")["items"])


def wait_for(condition: Callable[[], Any], timeout_s: float = 30) -> Any:
    """The first true answer. Fails when there is none in time."""
    deadline = time.monotonic() + timeout_s * PATIENCE
    for pause in pauses():
        if value := condition():
            break
        assert time.monotonic() < deadline, f"it did not happen in time; the last answer was {value!r:.500}"
        time.sleep(pause)
    return value

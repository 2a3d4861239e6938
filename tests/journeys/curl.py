"""`curl` as a client of the API, and the steps that journeys share."""

from __future__ import annotations

import json
import shutil
import subprocess
import threading
import time
from collections.abc import Callable
from typing import Any

from tests.journeys.server import PATIENCE, Server

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
    while not (value := condition()):
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.1)
    return value

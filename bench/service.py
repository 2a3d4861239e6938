"""A real server for measuring, the people who use it, and their sockets."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import tempfile
import time
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import aiohttp

from bench import line_agent
from sandbox import bubblewrap
from tests.journeys.person import Person
from tests.journeys.server import IN_FULL, Server, running

TURN_TIMEOUT_S = 120.0
SOCKETS_PER_USER = 50  # that the server lets one user hold open
# What is measured is what the server can do, not what it allows one tenant.
UNLIMITED = {
    "SLIPWAY_RUNNING_TURNS": "200",
    "SLIPWAY_TURNS_PER_ORGANIZATION": "200",
    "SLIPWAY_TURNS_PER_USER": "200",
}


@contextlib.contextmanager
def served(**extra: str) -> Iterator[Server]:
    """`manage.py serve` as an operator runs it, with the scripted agent unless `extra` names another."""
    with contextlib.ExitStack() as stack:
        program = stack.enter_context(scripted_agent())
        # Without developer mode: it would keep every query in memory.
        unlimited = {"SLIPWAY_RUNNING_TURNS": "1000"}
        unlimited |= {"SLIPWAY_TURNS_PER_ORGANIZATION": "1000", "SLIPWAY_TURNS_PER_USER": "1000"}
        settings = {"SLIPWAY_DEBUG": "0", "SLIPWAY_CLAUDE_CLI": str(program), **unlimited, **extra}
        yield stack.enter_context(running(None, **IN_FULL, **settings))


@contextlib.contextmanager
def scripted_agent() -> Iterator[Path]:
    """The scripted agent as a program of its own, in a folder that a sandbox may be shown."""
    folder = Path(tempfile.mkdtemp(prefix="slipway-bench-agent-"))
    program = folder / "agent"
    program.write_text(f"#!{bubblewrap.interpreter()[0]}\n{Path(line_agent.__file__).read_text()}")
    os.chmod(folder, 0o755)
    program.chmod(0o755)
    try:
        yield program
    finally:
        shutil.rmtree(folder)


class User:
    """Someone with a project of their own, over HTTP and WebSockets with an API token."""

    def __init__(self, server: Server, http: aiohttp.ClientSession, token: str, project_id: str) -> None:
        self.server, self.http, self.token, self.project_id = server, http, token, project_id

    async def call(self, method: str, path: str, body: Any = None) -> Any:
        async with self.http.request(method, f"{self.server.url}/api{path}", json=body) as answer:
            value = await answer.json()
            if answer.status >= 400:
                raise RuntimeError(f"{method} {path}: {answer.status} {value}")
            return value

    async def new_session(self, prompt: str = "") -> dict[str, Any]:
        """One whose agent, a real one too, waits for nobody's permission."""
        body = {"name": f"bench {uuid.uuid4().hex[:8]}", "prompt": prompt, "permission_mode": "bypassPermissions"}
        return dict((await self.call("POST", f"/projects/{self.project_id}/sessions", body))["items"][0])

    async def send(self, session_id: str, text: str) -> None:
        await self.call("POST", f"/sessions/{session_id}/messages", {"text": text})

    async def session(self, session_id: str) -> dict[str, Any]:
        return dict(await self.call("GET", f"/sessions/{session_id}"))

    async def until_idle(self, session_id: str) -> dict[str, Any]:
        """The session once no job is left; a turn that failed ends the run."""
        deadline = time.monotonic() + TURN_TIMEOUT_S
        while True:
            session = await self.session(session_id)
            if session["status"] == "ERROR" or time.monotonic() > deadline:
                raise RuntimeError(f"the turn did not end well: {session['status']} {session['status_reason']}")
            if session["active_job"] is None and session["status"] == "COMPLETED":
                return session
            await asyncio.sleep(0.1)

    async def open_socket(self, session: dict[str, Any]) -> aiohttp.ClientWebSocketResponse:
        """The session's socket from now on; the hello has been read."""
        url = f"{self.server.url}/ws/sessions/{session['id']}?after={session['last_seq']}"
        socket = await self.http.ws_connect(url, max_msg_size=0)
        hello = await socket.receive_json()
        assert hello["type"] == "hello", hello
        return socket


@contextlib.asynccontextmanager
async def users(server: Server, sockets: int) -> AsyncIterator[list[User]]:
    """As many people as it takes to hold so many sockets open."""
    async with contextlib.AsyncExitStack() as stack:
        names = [f"user{number}" for number in range(-(-sockets // SOCKETS_PER_USER))]
        yield [await stack.enter_async_context(user(server, name)) for name in names]


@contextlib.asynccontextmanager
async def user(server: Server, name: str = "alice") -> AsyncIterator[User]:
    """Signs someone up and makes them the sample project."""
    person = Person(server, f"{name}@example.com")
    await asyncio.to_thread(person.sign_up)
    token = await asyncio.to_thread(person.make_token, "READ", "WRITE")
    organization = (await asyncio.to_thread(person.call, "GET", "/api/me"))["organizations"][0]["id"]
    headers = {"Authorization": f"Bearer {token}"}
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(headers=headers, connector=connector) as http:
        someone = User(server, http, token, "")
        body = {"organization_id": organization, "name": "bench", "source": "SAMPLE"}
        someone.project_id = (await someone.call("POST", "/projects", body))["id"]
        yield someone

"""The API: a long list, a message on its way to the agent and back, a reader who was away."""

from __future__ import annotations

import asyncio
import json
import statistics
import sys
import time
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import aiohttp

from bench import bare_daphne, line_agent, rows, service
from bench.figures import Figure
from bench.service import User
from tests.journeys.server import ROOT

FEW_ROWS = 10
PAGE = 100  # events that a page of the log has


@dataclass(frozen=True)
class Size:
    """How much is measured."""

    rows: int = 1000
    events: int = 10_000
    rounds: int = 30


async def measure(size: Size) -> list[Figure]:
    """Medians in milliseconds, and numbers of queries."""
    with service.served() as server:
        async with service.user(server) as someone, bare_daphne.serving() as bare:
            empty = await _median(size.rounds, lambda: _bare_get(bare.url))
            return [
                *await _message(someone, size.rounds, empty),
                *await _reconnect(someone, size),
                *await _list(someone, size, empty),
            ]


async def _list(someone: User, size: Size, empty: float) -> list[Figure]:
    """The first page, with few and with many rows; last, since it fills the database."""
    times, queries = {}, {}
    path = "/sessions?limit=50"
    for count in (FEW_ROWS, size.rows):
        await make(someone, "sessions", someone.project_id, str(count))
        times[count] = await _median(size.rounds, lambda: someone.call("GET", path))
        queries[count] = float(await make(someone, "queries", f"/api{path}", someone.token))
    name = f"list of 50 among {size.rows} sessions"
    return [
        Figure(name, times[size.rows], "ms", f"list of {FEW_ROWS} sessions", times[FEW_ROWS]),
        Figure(name, times[size.rows], "ms", "empty answer of bare daphne", empty),
        Figure(f"{name}, queries", queries[size.rows], "", f"list of {FEW_ROWS} sessions", queries[FEW_ROWS]),
    ]


async def _message(someone: User, rounds: int, empty: float) -> list[Figure]:
    """With the sandbox and the agent already there."""
    first, turn = [], []
    session = await someone.until_idle((await someone.new_session("1"))["id"])
    for _ in range(rounds):
        session = await someone.until_idle(session["id"])
        async with await someone.open_socket(session) as socket:
            began = time.perf_counter()
            sending = asyncio.create_task(someone.send(session["id"], "1"))
            await _until(socket, "message.user")
            first.append((time.perf_counter() - began) * 1000)
            await _until(socket, "turn.started")
            turn.append((time.perf_counter() - began) * 1000)
            await sending
    agent = await _bare_agent(rounds)
    return [
        Figure("POST message → its event", statistics.median(first), "ms", "empty answer of bare daphne", empty),
        Figure(
            "POST message → the agent's first line, warm",
            statistics.median(turn),
            "ms",
            "line to and from a bare child",
            agent,
        ),
    ]


async def _until(socket: aiohttp.ClientWebSocketResponse, kind: str) -> None:
    async with asyncio.timeout(service.TURN_TIMEOUT_S):
        while (await socket.receive_json()).get("kind") != kind:
            pass


async def _reconnect(someone: User, size: Size) -> list[Figure]:
    session = await someone.new_session()
    near = await _median(size.rounds, lambda: _catch_up(someone, session["id"], 0))
    await make(someone, "events", session["id"], str(size.events))
    far = await _median(size.rounds, lambda: _catch_up(someone, session["id"], PAGE))
    name = f"reconnect {size.events} events behind: state and first page"
    return [Figure(name, far, "ms", "reconnect with an empty log: state", near)]


async def _catch_up(someone: User, session_id: str, events: int) -> None:
    async with await someone.open_socket({"id": session_id, "last_seq": 0}) as socket:
        for _ in range(events):
            await socket.receive()


async def _bare_get(url: str) -> None:
    async with aiohttp.ClientSession() as http, http.get(url) as answer:
        await answer.read()


async def _bare_agent(rounds: int) -> float:
    pipe = asyncio.subprocess.PIPE
    agent = await asyncio.create_subprocess_exec(sys.executable, line_agent.__file__, stdin=pipe, stdout=pipe)
    reader, writer = agent.stdout, agent.stdin
    assert reader is not None
    assert writer is not None

    async def turn() -> float:
        message = {"type": "user", "uuid": str(uuid.uuid4()), "message": {"role": "user", "content": "1"}}
        began = time.perf_counter()
        writer.write(json.dumps(message).encode() + b"\n")
        await reader.readline()
        taken = time.perf_counter() - began
        while not (await reader.readline()).startswith(b'{"type": "result"'):
            pass
        return taken * 1000

    times = [await turn() for _ in range(rounds)]
    writer.close()
    await agent.wait()
    return statistics.median(times)


async def _median(rounds: int, action: Callable[[], Awaitable[object]]) -> float:
    await action()  # connections and caches
    times = []
    for _ in range(rounds):
        began = time.perf_counter()
        await action()
        times.append((time.perf_counter() - began) * 1000)
    return statistics.median(times)


async def make(someone: User, *arguments: str) -> str:
    """Run `bench.rows` beside the server, in its settings."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", rows.__name__, *arguments),
        cwd=ROOT,
        env=someone.server.environment(),
        stdout=asyncio.subprocess.PIPE,
    )
    output, _ = await process.communicate()
    if process.returncode:
        raise RuntimeError(f"bench.rows {arguments[0]} ended with {process.returncode}")
    return output.decode()

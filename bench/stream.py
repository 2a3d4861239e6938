"""From the agent's line to the browser's frame: through guest, runner, log, doorbell and WebSocket."""

from __future__ import annotations

import asyncio
import contextlib
import re
import sys
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from bench import bare_daphne, bare_stream, line_agent, service
from bench.figures import Figure, Spread, median_spread, spread
from bench.service import User
from tests.journeys.server import free_port

STAMP = re.compile(r"<(\d+\.\d{6})>")


@dataclass(frozen=True)
class Size:
    """How much is measured."""

    sessions: Sequence[int] = (1, 10)
    rounds: int = 3

    def pieces(self, sessions: int) -> int:
        """So many that all of them still stream when the last has begun."""
        return 60 + 6 * sessions


@dataclass
class Stream:
    """What arrived of one session: when each stamp was written, and how many milliseconds later it came."""

    events: list[tuple[float, float]] = field(default_factory=list)
    deltas: list[tuple[float, float]] = field(default_factory=list)

    def note(self, into: list[tuple[float, float]], text: str) -> None:
        now = time.time()
        into.extend((float(written), (now - float(written)) * 1000) for written in STAMP.findall(text))


@dataclass(frozen=True)
class Round:
    """The delays of what was written while all streamed; turns that begin and end are another matter."""

    events: Spread
    deltas: Spread

    @classmethod
    def of(cls, streams: Sequence[Stream]) -> Round:
        begin = max(stream.deltas[0][0] for stream in streams)
        end = min(stream.deltas[-1][0] for stream in streams)
        kinds = ([stream.events for stream in streams], [stream.deltas for stream in streams])
        found = [[delay for each in kind for at, delay in each if begin <= at <= end] for kind in kinds]
        if not all(found):
            raise RuntimeError("at no time did all of them stream")
        return cls(*map(spread, found))


async def measure(size: Size) -> list[Figure]:
    """p50 and p99 of events and of deltas, for each number of sessions that stream at once."""
    with service.served() as server:
        async with service.user(server) as someone:
            figures: list[Figure] = []
            sessions: list[dict[str, Any]] = []
            for count in size.sessions:
                while len(sessions) < count:
                    sessions.append(await _warm_session(someone))
                figures += await _compare(someone, sessions[:count], size)
            return figures


async def _warm_session(someone: User) -> dict[str, Any]:
    session = await someone.new_session("1")
    return await someone.until_idle(session["id"])


async def _compare(someone: User, sessions: Sequence[dict[str, Any]], size: Size) -> list[Figure]:
    ours: list[Round] = []
    raw: list[Round] = []
    pieces = size.pieces(len(sessions))
    async with _bare_server() as url:
        for _ in range(size.rounds):
            ours.append(Round.of(await _stream(someone, sessions, pieces)))
            raw.append(Round.of(await _stream_bare(url, len(sessions), pieces)))
    name = f"{len(sessions)} streaming session{'s' if len(sessions) > 1 else ''}"
    return [
        *_figures(f"line → event frame, {name}", _events(ours), _events(raw)),
        *_figures(f"line → delta frame (coalesced up to 100 ms), {name}", _deltas(ours), _deltas(raw)),
    ]


def _events(rounds: Sequence[Round]) -> Spread:
    return median_spread([one.events for one in rounds])


def _deltas(rounds: Sequence[Round]) -> Spread:
    return median_spread([one.deltas for one in rounds])


def _figures(name: str, ours: Spread, raw: Spread) -> list[Figure]:
    baseline = "bare pipe → bare WebSocket"
    return [
        Figure(f"{name}, p50", ours.p50, "ms", f"{baseline}, p50", raw.p50),
        Figure(f"{name}, p99", ours.p99, "ms", f"{baseline}, p99", raw.p99),
    ]


async def _stream(someone: User, sessions: Sequence[dict[str, Any]], pieces: int) -> list[Stream]:
    """Every session streams at once, each watched by one socket."""
    async with contextlib.AsyncExitStack() as stack:
        fresh = [await someone.session(session["id"]) for session in sessions]
        sockets = [await stack.enter_async_context(await someone.open_socket(session)) for session in fresh]
        readers = [asyncio.create_task(_read(socket, pieces)) for socket in sockets]
        await asyncio.gather(*(someone.send(session["id"], str(pieces)) for session in sessions))
        async with asyncio.timeout(service.TURN_TIMEOUT_S):
            streams = await asyncio.gather(*readers)
    for session in sessions:
        await someone.until_idle(session["id"])
    return streams


async def _read(socket: aiohttp.ClientWebSocketResponse, pieces: int) -> Stream:
    """Read until the turn's end; deltas that the whole text has overtaken do not count.

    Raises: RuntimeError (a line is missing).
    """
    stream = Stream()
    while True:
        frame = await socket.receive_json()
        kind = frame["kind"] if frame["type"] == "event" else frame["type"]
        if kind == "delta":
            stream.note(stream.deltas, frame["text"])
        elif kind == "ping":
            await socket.send_json({"type": "pong"})
        elif kind == "agent.notice":
            stream.note(stream.events, frame["payload"]["text"])
        elif kind == "turn.completed":
            break
    lines = -(-pieces // line_agent.PIECES_PER_LINE)
    if len(stream.events) != lines:
        raise RuntimeError(f"{len(stream.events)} of {lines} lines arrived")
    return stream


@contextlib.asynccontextmanager
async def _bare_server() -> AsyncIterator[str]:
    """The baseline's server: the same program's pipe, an asyncio loop, a WebSocket, and nothing else."""
    port = free_port()
    url = f"http://127.0.0.1:{port}/"
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", bare_stream.__name__, str(port))
    try:
        await bare_daphne.until_answers(url)
        yield url
    finally:
        process.terminate()
        await process.wait()


async def _stream_bare(url: str, count: int, pieces: int) -> list[Stream]:
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http:
        return await asyncio.gather(*(_read_bare(http, url, pieces) for _ in range(count)))


async def _read_bare(http: aiohttp.ClientSession, url: str, pieces: int) -> Stream:
    stream = Stream()
    async with http.ws_connect(url) as socket:
        await socket.send_str(str(pieces))
        async for message in socket:
            if '"informational"' in message.data:
                stream.note(stream.events, message.data)
            elif '"text_delta"' in message.data:
                stream.note(stream.deltas, message.data)
    return stream

"""From the agent's line to the browser's frame: through guest, runner, log, doorbell and WebSocket."""

from __future__ import annotations

import asyncio
import contextlib
import math
import re
import statistics
import sys
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Self

import aiohttp

from bench import bare_daphne, bare_stream, line_agent, processes, service
from bench.bare_daphne import Bare
from bench.figures import Figure, Spread, median_spread, spread
from bench.service import User
from tests.journeys.server import free_port

AT_ONCE = 4  # sessions that are made at a time
USAGE_S = 0.1
STAMP = re.compile(r"<(\d+\.\d{6})>")


@dataclass(frozen=True)
class Size:
    """How much is measured."""

    sessions: Sequence[int] = (1, 10, 50, 100)
    rounds: int = 1

    def pieces(self, sessions: int) -> int:
        """So many that all of them still stream when the last has begun."""
        return 160 + 2 * sessions


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
    per_s: float  # events and deltas that arrived in a second
    cpu_ms: float  # of the server, for each stream and second
    busy_percent: float  # of the whole machine: where it is 100, the machine was the limit

    @classmethod
    def of(cls, streams: Sequence[Stream], usage: Usage) -> Round:
        begin = max(stream.deltas[0][0] for stream in streams)
        end = min(stream.deltas[-1][0] for stream in streams)
        kinds = ([stream.events for stream in streams], [stream.deltas for stream in streams])
        found = [[delay for each in kind for at, delay in each if begin <= at <= end] for kind in kinds]
        if not all(found):
            raise RuntimeError("at no time did all of them stream")
        per_s = sum(map(len, found)) / max(end - begin, 0.001)
        own, machine = usage.between(begin, end)
        return cls(spread(found[0]), spread(found[1]), per_s, own * 1000 / len(streams), machine * 100)


class Usage:
    """The processor time of a process and of the machine, looked at again and again."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._seen: list[tuple[float, float, float, float]] = []

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._watch())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _watch(self) -> None:
        while True:
            self._seen.append((time.time(), processes.cpu_s(self._pid), *processes.machine_s()))
            await asyncio.sleep(USAGE_S)

    def between(self, begin: float, end: float) -> tuple[float, float]:
        """The share of one core that the process took, and the share of all cores that was at work."""
        before, after = (min(self._seen, key=lambda seen: abs(seen[0] - at)) for at in (begin, end))
        taken_s, own_s, busy_s, all_s = (late - early for early, late in zip(before, after, strict=True))
        return (own_s / taken_s, busy_s / all_s) if taken_s > 0 and all_s > 0 else (math.nan, math.nan)


@dataclass(frozen=True)
class Watched:
    """A session whose agent is there, and who watches it."""

    someone: User
    id: str


async def measure(size: Size) -> list[Figure]:
    """p50 and p99 of events and of deltas, for each number of sessions that stream at once."""
    with service.served() as server:
        async with service.users(server, max(size.sessions)) as people:
            figures: list[Figure] = []
            sessions: list[Watched] = []
            for count in size.sessions:
                sessions += await _warm_sessions(people, range(len(sessions), count))
                figures += await _compare(sessions[:count], size)
            return figures


async def _warm_sessions(people: Sequence[User], numbers: Sequence[int]) -> list[Watched]:
    """Some at a time: the machine has better to do than to wait for each."""
    room = asyncio.Semaphore(AT_ONCE)

    async def make(number: int) -> Watched:
        async with room:
            return await _warm_session(people[number % len(people)])

    return await asyncio.gather(*map(make, numbers))


async def _warm_session(someone: User) -> Watched:
    session = await someone.new_session("1")
    await someone.until_idle(session["id"])
    return Watched(someone, session["id"])


async def _compare(sessions: Sequence[Watched], size: Size) -> list[Figure]:
    ours: list[Round] = []
    raw: list[Round] = []
    pieces, count = size.pieces(len(sessions)), len(sessions)
    process = sessions[0].someone.server.process
    assert process is not None
    async with _bare_server() as bare:
        for _ in range(size.rounds):
            async with Usage(process.pid) as usage:
                ours.append(Round.of(await _stream(sessions, pieces), usage))
            async with Usage(bare.pid) as usage:
                raw.append(Round.of(await _stream_bare(bare.url, count, pieces), usage))
    name = f"{count} streaming session{'s' if count > 1 else ''}"
    of_bare = "of the bare one"
    return [
        *_figures(f"line → event frame, {name}", _events(ours), _events(raw)),
        *_figures(f"line → delta frame (coalesced up to 100 ms), {name}", _deltas(ours), _deltas(raw)),
        Figure(f"lines and pieces shown, {name}", _median(ours, "per_s"), "/s", of_bare, _median(raw, "per_s")),
        Figure(
            f"the server's processor time for a second of each stream, {name}",
            _median(ours, "cpu_ms"),
            "ms",
            of_bare,
            _median(raw, "cpu_ms"),
        ),
        Figure(f"all cores at work, {name}", _median(ours, "busy_percent"), "%", of_bare, _median(raw, "busy_percent")),
    ]


def _median(rounds: Sequence[Round], name: str) -> float:
    return float(statistics.median(getattr(one, name) for one in rounds))


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


async def _stream(sessions: Sequence[Watched], pieces: int) -> list[Stream]:
    """Every session streams at once, each watched by one socket; the turns' ends are waited for."""
    async with contextlib.AsyncExitStack() as stack:
        readers = []
        for each in sessions:
            socket = await each.someone.open_socket(await each.someone.session(each.id))
            readers.append(asyncio.create_task(_read(await stack.enter_async_context(socket), pieces)))
        await asyncio.gather(*(each.someone.send(each.id, str(pieces)) for each in sessions))
        async with asyncio.timeout(service.TURN_TIMEOUT_S):
            streams = await asyncio.gather(*readers)
    for each in sessions:  # one after the other: many who ask are a load of their own
        await each.someone.until_idle(each.id)
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
async def _bare_server() -> AsyncIterator[Bare]:
    """The baseline's server: the same program's pipe, an asyncio loop, a WebSocket, and nothing else."""
    port = free_port()
    url = f"http://127.0.0.1:{port}/"
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", bare_stream.__name__, str(port))
    try:
        await bare_daphne.until_answers(url)
        yield Bare(process.pid, url)
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

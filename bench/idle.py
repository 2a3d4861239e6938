"""What takes memory and processor time while nobody does anything: the server, a socket, a session."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import aiohttp

from bench import bare_daphne, processes, service
from bench.bare_daphne import Bare
from bench.figures import Figure
from bench.service import User
from tests.journeys.server import ROOT, Server

SETTLE_S = 3.0
KIB = 1024
PINNED = "agents/claude/node_modules/@anthropic-ai/claude-code-*/claude"


@dataclass(frozen=True)
class Size:
    """How much is measured."""

    sockets: int = 100
    sessions: int = 3
    rest_s: float = 120.0  # over which processor time is counted: much happens once a minute


async def measure(size: Size) -> list[Figure]:
    """Proportional set sizes, where pages that processes share count once, and parts of one core."""
    async with bare_daphne.serving() as bare:
        bare_kib = await _settled({bare.pid})
        bare_socket_kib = await _bare_socket_kib(bare, size.sockets)
    with service.served(**_real_agent()) as server:
        figures = await _at_rest(server, bare_kib) + await _at_work(server, size.rest_s)
        socket_kib = await _socket_kib(server, size.sockets)
        figures.append(Figure("an idle WebSocket", socket_kib, "KiB", "of bare daphne", bare_socket_kib))
        return figures + await _sessions(server, size.sessions)


async def _at_rest(server: Server, bare_kib: float) -> list[Figure]:
    serve = _serve(server)
    async with service.user(server, "zoe"):  # what is loaded with the first request counts
        own, all_kib = await _settled(serve), await _settled(serve | _postgres(server))
    return [
        Figure("`serve` at rest", own / KIB, "MiB", "bare daphne, empty application", bare_kib / KIB),
        Figure("`serve` and embedded PostgreSQL at rest", all_kib / KIB, "MiB", "bare daphne", bare_kib / KIB),
    ]


async def _bare_socket_kib(bare: Bare, count: int) -> float:
    async with contextlib.AsyncExitStack() as stack:
        http = await stack.enter_async_context(aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)))

        async def open_socket() -> None:
            await stack.enter_async_context(http.ws_connect(bare.url))

        return await _growth_kib(bare.pid, open_socket, count)


async def _at_work(server: Server, rest_s: float) -> list[Figure]:
    """What looks by itself whether there is something to do takes part of a core."""
    async with bare_daphne.serving() as bare:
        await asyncio.sleep(SETTLE_S)
        groups = (_serve(server), _serve(server) | _postgres(server), {bare.pid})
        before = [processes.spent_s(pids) for pids in groups]
        await asyncio.sleep(rest_s)
        own, everything, bare_own = (
            100 * (processes.spent_s(pids) - spent) / rest_s for pids, spent in zip(groups, before, strict=True)
        )
    return [
        Figure("`serve` at rest, of one core", own, "%", "bare daphne", bare_own),
        Figure("`serve` and embedded PostgreSQL at rest, of one core", everything, "%", "bare daphne", bare_own),
    ]


async def _socket_kib(server: Server, count: int) -> float:
    assert server.process is not None
    async with contextlib.AsyncExitStack() as stack:
        people = await stack.enter_async_context(service.users(server, 2 * count))
        pairs = itertools.cycle([(someone, await someone.new_session()) for someone in people])

        async def open_socket() -> None:
            someone, session = next(pairs)
            await stack.enter_async_context(await someone.open_socket(session))

        return await _growth_kib(server.process.pid, open_socket, count)


async def _growth_kib(pid: int, step: Callable[[], Awaitable[None]], count: int) -> float:
    """By how much a process grows with each step; as many before fill the gaps in its memory."""
    sizes = []
    for _ in range(2):
        for _ in range(count):
            await step()
        await asyncio.sleep(SETTLE_S)
        sizes.append(processes.anonymous_kib(pid))
    return (sizes[1] - sizes[0]) / count


async def _sessions(server: Server, count: int) -> list[Figure]:
    async with service.user(server, "alice") as someone:
        machines = [await _idle_session(someone) for _ in range(count)]
        everything = set[int]().union(*(processes.with_argument(machine) for machine in machines))
        agents = processes.named(everything, "/node_modules/" if _real_agent() else "slipway-bench-agent-")
        await asyncio.sleep(SETTLE_S)
        agent_kib = processes.pss_kib(agents) / count
        own_kib = processes.pss_kib(everything - agents) / count
    name = "an idle session: sandbox, guest, holder, Claude Code"
    return [Figure(name, (own_kib + agent_kib) / KIB, "MiB", "Claude Code alone in it", agent_kib / KIB)]


async def _idle_session(someone: User) -> str:
    """The machine of a session whose agent has ended its turn and waits for the next."""
    session = await someone.new_session("1")
    return str((await someone.until_idle(session["id"]))["container_id"])


def _real_agent() -> dict[str, str]:
    """The pinned Claude Code, which then talks to the practice model; the scripted agent where it is not installed."""
    return {"SLIPWAY_CLAUDE_CLI": ""} if any(ROOT.glob(PINNED)) else {}


def _serve(server: Server) -> set[int]:
    assert server.process is not None
    return {server.process.pid}


def _postgres(server: Server) -> set[int]:
    from config import postgres

    pid_file = postgres.place(server.data_dir).data / "postmaster.pid"
    return processes.tree(int(pid_file.read_text().split()[0]))


async def _settled(pids: set[int]) -> float:
    await asyncio.sleep(SETTLE_S)
    return processes.pss_kib(pids)

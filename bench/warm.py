"""How soon an agent speaks: with a sandbox that was made ready before, against one made for the message."""

from __future__ import annotations

import asyncio
import statistics
import time
from dataclasses import dataclass

from bench.figures import Figure
from bench.service import UNLIMITED, User, users
from tests.journeys.server import IN_FULL, running

LOOK_S = 0.01
READY_S = 60.0
FIRST = ("turn.started", "assistant.text")


@dataclass(frozen=True)
class Size:
    """How much is measured."""

    rounds: int = 7


async def measure(size: Size) -> list[Figure]:
    """Milliseconds from sending the first message of a session to the agent's first event; the real agent."""
    server_context = running(None, **IN_FULL, SLIPWAY_PREWARM="1", **UNLIMITED)
    server = await asyncio.to_thread(server_context.__enter__)
    try:
        async with users(server, 1) as (someone,):
            cold, warm = [], []
            for _ in range(size.rounds):  # turn by turn, so that a busy moment hits both
                cold.append(await _first_event(someone, is_warm=False))
                warm.append(await _first_event(someone, is_warm=True))
    finally:
        await asyncio.to_thread(server_context.__exit__, None, None, None)
    medians = [statistics.median(times) * 1000 for times in (warm, cold)]
    return [Figure("first event of an agent, sandbox prewarmed", medians[0], "ms", "made for the message", medians[1])]


async def _first_event(someone: User, *, is_warm: bool) -> float:
    session = await someone.new_session()
    if is_warm:
        await someone.call("POST", f"/sessions/{session['id']}/prewarm")
        await _until_warm(someone, session["id"])
    async with await someone.open_socket(await someone.session(session["id"])) as socket:
        began = time.perf_counter()
        await someone.send(session["id"], "hello")
        async for frame in socket:
            if frame.json().get("kind") in FIRST:
                took = time.perf_counter() - began
                break
        else:
            raise RuntimeError("the socket ended before the agent spoke")
    await someone.until_idle(session["id"])
    await someone.call("POST", f"/sessions/{session['id']}/stop")
    return took


async def _until_warm(someone: User, session_id: str) -> None:
    """The sandbox runs; a moment more, and its agent has started, too."""
    deadline = time.monotonic() + READY_S
    while not (await someone.session(session_id))["container_id"]:
        if time.monotonic() > deadline:
            raise RuntimeError("the sandbox was not made ready")
        await asyncio.sleep(LOOK_S)
    await asyncio.sleep(3.0)

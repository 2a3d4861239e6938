"""Turns a second, how soon one begins, and how fast the log grows."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bench import api, service
from bench.figures import Figure
from bench.service import User


@dataclass(frozen=True)
class Size:
    """How much is measured."""

    sessions: int = 10
    turns: int = 3  # of each session, one after the other
    appends: int = 1000


async def measure(size: Size) -> list[Figure]:
    """Turns are whole: the prompt, the agent's answer, the snapshot of the working tree in the vault."""
    with service.served() as server:
        async with service.user(server) as someone:
            sessions = await asyncio.gather(*(_warm(someone) for _ in range(size.sessions)))
            alone_s = await _turns(someone, sessions[:1], size.turns)
            all_s = await _turns(someone, sessions, size.turns)
            starts = [start for id in sessions for start in await _starts_ms(someone, id)]
            notify_ms = float(await api.make(someone, "notify", "200"))
            ours, raw = map(float, (await api.make(someone, "append", sessions[0], str(size.appends))).split())
    rate, one = len(sessions) * size.turns / all_s, size.turns / alone_s
    return [
        Figure(f"turns, {len(sessions)} sessions at once", rate, "/s", "one session", one),
        Figure(
            "message stored → its turn begun, p50",
            statistics.median(starts),
            "ms",
            "bare LISTEN/NOTIFY round trip",
            notify_ms,
        ),
        Figure("appends to 50 logs at once", ours, "/s", "bare INSERT, one transaction each", raw),
    ]


async def _warm(someone: User) -> str:
    """A session whose sandbox and agent are there."""
    id = str((await someone.new_session("1"))["id"])
    await someone.until_idle(id)
    return id


async def _turns(someone: User, sessions: Sequence[str], turns: int) -> float:
    """Seconds until each of them has had its turns."""

    async def one(id: str) -> None:
        for _ in range(turns):
            await someone.send(id, "1")
            await someone.until_idle(id)

    began = time.perf_counter()
    await asyncio.gather(*(one(id) for id in sessions))
    return time.perf_counter() - began


async def _starts_ms(someone: User, session_id: str) -> list[float]:
    """From the first status of each job to the one that says that it runs, by the log's own clock."""
    items = (await someone.call("GET", f"/sessions/{session_id}/events?limit=1000"))["items"]
    begun: dict[str, datetime] = {}
    found = []
    for event in items:
        if event["kind"] == "job.status":
            found += _begun_ms(begun, event)
    return found


def _begun_ms(queued: dict[str, datetime], event: dict[str, Any]) -> list[float]:
    job, status = event["payload"]["job_id"], event["payload"]["status"]
    at = datetime.fromisoformat(event["created_at"])
    if status == "PENDING":
        queued.setdefault(job, at)
    elif status == "PROCESSING" and job in queued:
        return [(at - queued.pop(job)).total_seconds() * 1000]
    return []

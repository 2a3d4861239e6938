"""Batches of many sessions in one statement: what gathers while one is written goes with the next."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

import psycopg
from django.utils import timezone
from psycopg import AsyncConnection
from psycopg.rows import TupleRow
from psycopg_pool import AsyncConnectionPool

MAX_GROUP = 64

# A row that another transaction holds is skipped, and so is one of another epoch: one session never keeps the others
# waiting, and two groups cannot lock each other out. Who is missing from the answer is written alone.
_WRITE = """
WITH locked AS (
    SELECT session.id, row.* FROM agent_sessions_agentsession session JOIN unnest(
        %(sessions)s::uuid[], %(epochs)s::bigint[], %(counts)s::int[], %(runs)s::text[], %(offsets)s::bigint[],
        %(states)s::text[], %(lives)s::text[]
    ) AS row (session_id, lease, count, run, position, state, text) ON row.session_id = session.id
    WHERE session.epoch = row.lease AND session.deleted_at IS NULL FOR UPDATE OF session SKIP LOCKED
), lease AS (
    UPDATE agent_sessions_agentsession session SET
        last_seq = session.last_seq + locked.count,
        agent_run = coalesce(locked.run, session.agent_run),
        agent_offset = coalesce(locked.position, session.agent_offset),
        agent_state = coalesce(locked.state::jsonb, session.agent_state),
        live = coalesce(locked.text::jsonb, session.live),
        updated_at = now()
    FROM locked WHERE session.id = locked.id
    RETURNING session.id, session.organization_id, session.last_seq, locked.count
), written AS (
    INSERT INTO agent_sessions_event (session_id, seq, organization_id, kind, payload, job_id, created_at)
    SELECT lease.id, lease.last_seq - lease.count + entry.nth, lease.organization_id, entry.kind, entry.payload::jsonb,
        entry.job, %(now)s
    FROM lease JOIN unnest(
        %(of)s::uuid[], %(nths)s::int[], %(kinds)s::text[], %(payloads)s::text[], %(jobs)s::uuid[]
    ) AS entry (session_id, nth, kind, payload, job) ON entry.session_id = lease.id
)
SELECT id, last_seq, organization_id FROM lease
"""


class Written(NamedTuple):
    """How far the log of a session reaches now, the time of the entries, and whose session it is."""

    last_seq: int
    at: datetime
    organization_id: uuid.UUID


@dataclass(frozen=True)
class Row:
    """What is to be written for one session, as text that the database takes."""

    session_id: uuid.UUID
    epoch: int
    job_id: uuid.UUID | None
    agent_run: str | None
    agent_offset: int | None
    agent_state: str | None
    live: str | None
    kinds: Sequence[str]
    payloads: Sequence[str]
    done: asyncio.Future[Written | None] = field(default_factory=asyncio.Future)


class Group:
    """Gathers rows and writes them together; one statement is under way at a time."""

    def __init__(self, pool: AsyncConnectionPool[AsyncConnection[TupleRow]]) -> None:
        self._pool = pool
        self._waiting: list[Row] = []
        self._task: asyncio.Task[None] | None = None

    async def write(self, row: Row) -> Written | None:
        """What was written; None when this row has to be written alone.

        Raises: psycopg.OperationalError (the connection was lost: nobody knows whether it was written).
        """
        self._waiting.append(row)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._drain())
        return await row.done

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _drain(self) -> None:
        while rows := self._take():
            try:
                found = await self._write(rows)
            except (psycopg.DataError, psycopg.IntegrityError):
                found = {}  # rolled back because of one of them: each tries for itself
            except BaseException as error:
                _refuse(rows, error)
                if not isinstance(error, Exception):
                    _refuse(self._waiting, error)
                    raise
                continue
            for row in rows:
                if not row.done.done():
                    row.done.set_result(found.get(row.session_id))

    def _take(self) -> list[Row]:
        """The oldest, one for each session: what comes after it waits for it."""
        chosen: dict[uuid.UUID, Row] = {}
        later: list[Row] = []
        for row in self._waiting:
            if row.done.cancelled():
                continue
            if row.session_id in chosen or len(chosen) == MAX_GROUP:
                later.append(row)
            else:
                chosen[row.session_id] = row
        self._waiting = later
        return list(chosen.values())

    async def _write(self, rows: Sequence[Row]) -> dict[uuid.UUID, Written]:
        now = timezone.now()
        async with self._pool.connection() as db:
            cursor = await db.execute(_WRITE, {**_columns(rows), "now": now})
            return {id: Written(int(last), now, owner) for id, last, owner in await cursor.fetchall()}


def _columns(rows: Sequence[Row]) -> dict[str, list[Any]]:
    entries = [
        (row.session_id, nth, kind, payload, row.job_id)
        for row in rows
        for nth, (kind, payload) in enumerate(zip(row.kinds, row.payloads, strict=True), 1)
    ]
    return {
        "sessions": [row.session_id for row in rows],
        "epochs": [row.epoch for row in rows],
        "counts": [len(row.kinds) for row in rows],
        "runs": [row.agent_run for row in rows],
        "offsets": [row.agent_offset for row in rows],
        "states": [row.agent_state for row in rows],
        "lives": [row.live for row in rows],
        **{name: [entry[n] for entry in entries] for n, name in enumerate(("of", "nths", "kinds", "payloads", "jobs"))},
    }


def _refuse(rows: Sequence[Row], error: BaseException) -> None:
    for row in rows:
        if not row.done.done():
            row.done.set_exception(error if isinstance(error, Exception) else asyncio.CancelledError())

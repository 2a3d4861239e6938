"""The runner's way into the log: each step is one transaction, on a psycopg pool beside Django's connections."""

from __future__ import annotations

import select
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from django.db import connection
from django.utils import timezone
from psycopg import AsyncConnection
from psycopg.conninfo import make_conninfo
from psycopg.rows import TupleRow
from psycopg_pool import AsyncConnectionPool
from uuid_utils.compat import uuid7

from runtime import metrics
from runtime.failpoints import failpoint
from sessions import events
from sessions.errors import StaleEpoch
from sessions.events import Entry
from sessions.live import frames
from sessions.live.frames import Frame
from sessions.log import changes
from sessions.log.changes import Change
from sessions.log.group import Group, Row, Written
from sessions.models import PermissionStatus
from sessions.storable import clean, dump

POOL_SIZE = 10
MAX_PENDING = 100  # permission requests of a session that wait; an agent asks for a few at a time
TOO_MANY = Entry(
    "agent.notice",
    {
        "level": "warning",
        "text": "The agent asks for more at a time than is shown. Answer what waits, or cancel the turn.",
        "detail": "",
    },
)

_Connection = AsyncConnection[TupleRow]


@dataclass(frozen=True)
class Ask:
    """A permission request: a row and `permission.requested`, once however often the agent repeats it."""

    request_id: str
    kind: str
    tool: str
    input: dict[str, Any]
    description: str = ""
    suggestions: Sequence[dict[str, Any]] = ()
    cwd: str = ""
    parent: str | None = None


@dataclass(frozen=True)
class Withdraw:
    """The agent no longer waits for this answer: the row, if still pending, and `permission.resolved`."""

    request_id: str
    reason: str = ""


@dataclass(frozen=True)
class Batch:
    """One step of the runner; None leaves a column as it is."""

    entries: Sequence[Entry | Ask | Withdraw | Change] = ()
    job_id: uuid.UUID | None = None
    agent_run: str | None = None
    agent_offset: int | None = None
    agent_state: dict[str, Any] | None = None
    live: dict[str, Any] | None = None


class LogWriter:
    """Commits batches under a lease, and rings after the commit; opens its pool when first used.

    When the connection is lost during `commit`, whether it took effect is unknown: read the session's offset again and
    go on from there, as after a crash.
    """

    def __init__(self, conninfo: str | None = None, *, pool_size: int = POOL_SIZE) -> None:
        self._pool: AsyncConnectionPool[_Connection] = AsyncConnectionPool(
            conninfo or django_conninfo(),
            min_size=1,
            max_size=pool_size,
            open=False,
            kwargs={"autocommit": True},
            check=_check,
            name="event-log",
        )
        self._group = Group(self._pool)

    async def __aenter__(self) -> Self:
        await self._pool.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._group.close()
        await self._pool.close()

    async def commit(self, session_id: uuid.UUID, epoch: int, batch: Batch) -> int:
        """Append the batch with the spool's new position, all or nothing, and return the log's last number.

        Raises: StaleEpoch (the lease has moved on, or the session is gone; nothing was written).
        """
        await self._pool.open()
        failpoint("log.before_append")
        began = time.monotonic()
        plain = [entry for entry in batch.entries if isinstance(entry, Entry)]
        if len(plain) == len(batch.entries):
            written, new = await self._write(session_id, epoch, batch, plain)
        else:
            async with self._pool.connection() as db:
                written, new = await _Step(db, session_id, epoch, batch).write_with_permissions()
        failpoint("log.after_append")
        metrics.EVENT_APPEND_SECONDS.observe(time.monotonic() - began)
        if batch.entries:
            await events.aring(session_id, written.last_seq, new)
            await events.aring_tree(written.organization_id, session_id, new)
        return written.last_seq

    async def _write(
        self, session_id: uuid.UUID, epoch: int, batch: Batch, entries: Sequence[Entry]
    ) -> tuple[Written, list[Frame]]:
        """Together with those of other sessions; alone where its row is held or something is wrong."""
        row = _row(session_id, epoch, batch, entries)
        if (written := await self._group.write(row)) is None:
            async with self._pool.connection() as db:
                return await _write_alone(db, row)
        return written, _frames(row, written)


def django_conninfo() -> str:
    """The address of Django's database (the test database while tests run)."""
    keys = ("host", "port", "user", "password", "dbname")
    parameters = connection.get_connection_params()
    return make_conninfo("", **{key: parameters[key] for key in keys if parameters.get(key)})


async def _check(db: _Connection) -> None:
    """A healthy idle connection has nothing to say; one that has is asked, which finds out whether it was closed."""
    poll = select.poll()
    poll.register(db.fileno(), select.POLLIN)
    if poll.poll(0):
        await AsyncConnectionPool.check_connection(db)


# One statement is one round trip, and a transaction by itself.
_WRITE = """
WITH lease AS (
    UPDATE agent_sessions_agentsession SET
        last_seq = last_seq + %(count)s,
        agent_run = coalesce(%(agent_run)s, agent_run),
        agent_offset = coalesce(%(agent_offset)s, agent_offset),
        agent_state = coalesce(%(agent_state)s::jsonb, agent_state),
        live = coalesce(%(live)s::jsonb, live),
        updated_at = now()
    WHERE id = %(session)s AND epoch = %(epoch)s AND deleted_at IS NULL
    RETURNING id, organization_id, last_seq
), written AS (
    INSERT INTO agent_sessions_event (session_id, seq, organization_id, kind, payload, job_id, created_at)
    SELECT lease.id, lease.last_seq - %(count)s + entry.nth, lease.organization_id, entry.kind, entry.payload::jsonb,
        %(job)s, %(now)s
    FROM lease, unnest(%(kinds)s::text[], %(payloads)s::text[]) WITH ORDINALITY AS entry (kind, payload, nth)
)
SELECT last_seq, organization_id FROM lease
"""

_LOCK = """
SELECT organization_id FROM agent_sessions_agentsession
WHERE id = %s AND epoch = %s AND deleted_at IS NULL FOR UPDATE
"""

_ASK = """
INSERT INTO agent_sessions_permissionrequest
    (id, organization_id, session_id, job_id, request_id, kind, tool, input, description, suggestions, status,
    created_at)
SELECT %(id)s::uuid, %(organization)s::uuid, %(session)s::uuid, %(job)s::uuid, %(request)s, %(kind)s, %(tool)s,
    %(input)s::jsonb, %(description)s, %(suggestions)s::jsonb, %(status)s, now()
WHERE (
    SELECT count(*) FROM agent_sessions_permissionrequest
    WHERE session_id = %(session)s AND status = 'PENDING'
) < %(most)s
ON CONFLICT (session_id, request_id) DO NOTHING
RETURNING id
"""

_IS_KNOWN = "SELECT 1 FROM agent_sessions_permissionrequest WHERE session_id = %s AND request_id = %s"

_WITHDRAW = """
UPDATE agent_sessions_permissionrequest SET status = %(cancelled)s, answered_at = now()
WHERE session_id = %(session)s AND request_id = %(request)s AND status = %(pending)s
RETURNING id
"""


@dataclass(frozen=True)
class _Step:
    """One batch on one connection."""

    db: _Connection
    session_id: uuid.UUID
    epoch: int
    batch: Batch

    async def write(self, entries: Sequence[Entry]) -> tuple[Written, list[Frame]]:
        """How far the log reaches, and the new events as readers get them."""
        return await _write_alone(self.db, _row(self.session_id, self.epoch, self.batch, entries))

    async def write_with_permissions(self) -> tuple[Written, list[Frame]]:
        """Which permission rows change decides which events there are, so the session is locked first."""
        async with self.db.transaction():
            cursor = await self.db.execute(_LOCK, (self.session_id, self.epoch))
            row = await cursor.fetchone()
            if row is None:
                raise StaleEpoch
            entries: list[Entry] = []
            for item in self.batch.entries:
                entries += await self._entries_of(row[0], item)
            return await self.write(entries)

    async def _entries_of(self, organization_id: uuid.UUID, item: Entry | Ask | Withdraw | Change) -> list[Entry]:
        match item:
            case Ask():
                return await self._ask(organization_id, item)
            case Withdraw():
                return await self._withdraw(item)
            case Change():
                return await changes.apply(self.db, self.session_id, item)
            case _:
                return [item]

    async def _ask(self, organization_id: uuid.UUID, ask: Ask) -> list[Entry]:
        payload = {
            "id": str(uuid7()),
            "kind": ask.kind,
            "tool": clean(ask.tool)[:200],
            "input": ask.input,
            "description": clean(ask.description),
            "suggestions": list(ask.suggestions),
            "cwd": ask.cwd,
            "parent": ask.parent,
        }
        cursor = await self.db.execute(
            _ASK,
            {
                **payload,
                "organization": organization_id,
                "session": self.session_id,
                "job": self.batch.job_id,
                "request": _request_key(ask.request_id),
                "input": dump(payload["input"]),
                "suggestions": dump(payload["suggestions"]),
                "status": PermissionStatus.PENDING.value,
                "most": MAX_PENDING,
            },
        )
        if await cursor.fetchone():
            return [Entry("permission.requested", payload)]
        known = await self.db.execute(_IS_KNOWN, (self.session_id, _request_key(ask.request_id)))
        return [] if await known.fetchone() else [TOO_MANY]

    async def _withdraw(self, withdraw: Withdraw) -> list[Entry]:
        cursor = await self.db.execute(
            _WITHDRAW,
            {
                "session": self.session_id,
                "request": _request_key(withdraw.request_id),
                "cancelled": PermissionStatus.CANCELLED.value,
                "pending": PermissionStatus.PENDING.value,
            },
        )
        row = await cursor.fetchone()
        if row is None:
            return []
        told: dict[str, Any] = {
            "id": str(row[0]),
            "status": PermissionStatus.CANCELLED.value,
            "reason": withdraw.reason,
        }
        told |= {"by": None, "rules": [], "answers": {}}
        return [Entry("permission.resolved", told)]


def _row(session_id: uuid.UUID, epoch: int, batch: Batch, entries: Sequence[Entry]) -> Row:
    return Row(
        session_id=session_id,
        epoch=epoch,
        job_id=batch.job_id,
        agent_run=batch.agent_run,
        agent_offset=batch.agent_offset,
        agent_state=_dump_if_set(batch.agent_state),
        live=_dump_if_set(batch.live),
        kinds=[entry.kind for entry in entries],
        payloads=[dump(entry.payload) for entry in entries],
    )


async def _write_alone(db: _Connection, row: Row) -> tuple[Written, list[Frame]]:
    now = timezone.now()
    cursor = await db.execute(
        _WRITE,
        {
            "session": row.session_id,
            "epoch": row.epoch,
            "count": len(row.kinds),
            "agent_run": row.agent_run,
            "agent_offset": row.agent_offset,
            "agent_state": row.agent_state,
            "live": row.live,
            "kinds": row.kinds,
            "payloads": row.payloads,
            "job": row.job_id,
            "now": now,
        },
    )
    if (found := await cursor.fetchone()) is None:
        raise StaleEpoch
    written = Written(int(found[0]), now, found[1])
    return written, _frames(row, written)


def _frames(row: Row, written: Written) -> list[Frame]:
    numbered = enumerate(zip(row.kinds, row.payloads, strict=True), written.last_seq - len(row.kinds) + 1)
    return [frames.event(seq, kind, payload, row.job_id, written.at) for seq, (kind, payload) in numbered]


def _request_key(request_id: str) -> str:
    """The agent's own id, cut to what the column holds: an id that is longer is none of the agent's making."""
    return str(clean(request_id))[:100]


def _dump_if_set(value: Any) -> str | None:
    return None if value is None else dump(value)

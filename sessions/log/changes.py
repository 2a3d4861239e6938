"""What the agent's stream changes in its session's row, told by `session.changed` when it is something new."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any

from psycopg import AsyncConnection, sql
from psycopg.rows import TupleRow
from psycopg.types.json import Jsonb

from sessions.events import Entry
from sessions.storable import clean

_JSON = ("commands", "background")
SHOWN = ("title", "model", "context_tokens", "context_window", *_JSON)
HIDDEN = ("claude_session_id",)
_TABLE = sql.Identifier("agent_sessions_agentsession")
# The process has it already, so that nobody needs to ask it for it.
_NOTE_MODEL = """
UPDATE agent_sessions_agentsession SET agent_options = jsonb_set(agent_options, '{model}', to_jsonb(%s::text))
WHERE id = %s AND agent_options ? 'model'
"""


@dataclass(frozen=True)
class Change:
    """New values of columns of the session; those that it has already are no change."""

    values: dict[str, Any]

    def __post_init__(self) -> None:
        if unknown := set(self.values) - {*SHOWN, *HIDDEN}:
            raise ValueError(f"not for the agent to change: {unknown}")


async def apply(db: AsyncConnection[TupleRow], session_id: uuid.UUID, change: Change) -> list[Entry]:
    """Write what differs, in the caller's transaction, who holds the session's row; returns what the log is to tell."""
    wanted = {name: clean(value) for name, value in change.values.items()}
    names = list(wanted)
    columns = sql.SQL(", ").join(map(sql.Identifier, names))
    query = sql.SQL("SELECT {} FROM {} WHERE id = %s").format(columns, _TABLE)
    row = await (await db.execute(query, (session_id,))).fetchone()
    if row is None:
        return []
    new = {name: wanted[name] for name, value in zip(names, row, strict=True) if value != wanted[name]}
    if not new:
        return []
    pairs = sql.SQL(", ").join(sql.SQL("{} = %s").format(sql.Identifier(name)) for name in new)
    values = [Jsonb(value) if name in _JSON else value for name, value in new.items()]
    await db.execute(sql.SQL("UPDATE {} SET {} WHERE id = %s").format(_TABLE, pairs), (*values, session_id))
    if "model" in new:
        await db.execute(_NOTE_MODEL, (new["model"], session_id))
    shown = {name: value for name, value in new.items() if name in SHOWN}
    return [Entry("session.changed", {"changes": shown})] if shown else []

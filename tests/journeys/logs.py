"""Logs that agents would need days for, written into the server's own database at once."""

from __future__ import annotations

import datetime as dt
import json
import uuid
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any

import psycopg

from tests.journeys.patience import NO_DATABASE, patiently
from tests.journeys.server import Server
from tests.journeys.wire import dsn

Log = Iterable[tuple[str, dict[str, Any]]]
TURN_EVENTS = 20
_OF = "select organization_id, last_seq from agent_sessions_agentsession where id = %s"
_COPY = """copy agent_sessions_event (session_id, seq, organization_id, kind, payload, job_id, created_at) from stdin"""
_END = "update agent_sessions_agentsession set last_seq = %s, status = 'WAITING_INPUT' where id = %s"


def write(server: Server, session: dict[str, Any], log: Log, ago: dt.timedelta = dt.timedelta()) -> int:
    """After what the session's log has already; its last number comes back. Nobody is told: a page has to ask."""
    entries, at = list(log), dt.datetime.now(dt.UTC) - ago
    return patiently(lambda: _write(server, session["id"], entries, at), *NO_DATABASE)


def _write(server: Server, id: str, entries: list[tuple[str, dict[str, Any]]], at: dt.datetime) -> int:
    with psycopg.connect(dsn(server)) as connection:
        found = connection.execute(_OF, [id]).fetchone()
        assert found is not None
        organization, last = found
        with connection.cursor() as cursor, cursor.copy(_COPY) as copy:
            for seq, (kind, payload) in enumerate(entries, last + 1):
                copy.write_row([id, seq, organization, kind, json.dumps(payload), None, at])
        connection.execute(_END, [last + len(entries), id])
        return int(last) + len(entries)


def turns(count: int, *, since: int = 1) -> Iterator[tuple[str, dict[str, Any]]]:
    """Turns of twenty events: a question, reads, commands with forty lines each, and an answer."""
    return chain.from_iterable(_turn(number) for number in range(since, since + count))


def starting(prompt: str, job: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """A turn whose sandbox is there and whose working tree is being made, as the engine tells of it."""
    message = str(uuid.UUID(int=7))
    told = {"job_id": job, "message_id": message, "trigger": "MESSAGE", "is_urgent": False, "error": ""}
    said = {"message_id": message, "job_id": job, "text": prompt, "author": {"id": "1", "name": "Alice"}}
    yield "message.user", {**said, "attachments": []}
    yield "job.status", {**told, "status": "PENDING", "progress": 0, "progress_message": ""}
    yield "session.status", {"status": "RUNNING", "reason": "", "git_status": "CLEAN"}
    for percent, step in ((0, ""), (5, "Starting the sandbox"), (10, "Preparing the working tree")):
        yield "job.status", {**told, "status": "PROCESSING", "progress": percent, "progress_message": step}


def _turn(number: int) -> Iterator[tuple[str, dict[str, Any]]]:
    job, message = str(uuid.UUID(int=number)), str(uuid.UUID(int=10**6 + number))
    told = {"job_id": job, "message_id": message, "trigger": "MESSAGE", "is_urgent": False, "progress_message": ""}
    told["error"] = ""
    author = {"id": "1", "name": "Alice"}
    said = {"message_id": message, "job_id": job, "text": f"Question {number}", "author": author, "attachments": []}
    yield "message.user", said
    yield "job.status", {**told, "status": "PROCESSING", "progress": 0}
    for one in range(7):
        yield from _call(number, one)
    words = "Some **words** on what was done, which go on for a while. " * 4
    yield "assistant.text", {"block": f"{number}:0", "parent": None, "text": words}
    yield "assistant.text", {"block": f"{number}:1", "parent": None, "text": f"Answer {number}"}
    cost = {"duration_ms": 1000, "input_tokens": 1, "output_tokens": 1, "cost_usd": "0.01"}
    yield "turn.completed", {"is_error": False, **cost}
    yield "job.status", {**told, "status": "COMPLETED", "progress": 100}


def _call(number: int, one: int) -> Iterator[tuple[str, dict[str, Any]]]:
    name, call = ("Read" if one < 4 else "Bash"), f"call-{number}-{one}"
    given = {"file_path": f"/workspace/part{one}.py"} if one < 4 else {"command": f"make part{one}"}
    lines = "\n".join(f"line {line} of {number}-{one}" for line in range(40))
    yield "tool.call", {"call_id": call, "parent": None, "name": name, "input": given}
    answer = {"is_error": False, "text": lines, "is_truncated": False, "images": [], "patch": None}
    yield "tool.result", {"call_id": call, **answer}

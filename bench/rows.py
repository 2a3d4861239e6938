"""Rows to measure with, made in the server's settings: `python -m bench.rows sessions PROJECT COUNT`, and so on."""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import sys
import time
import uuid
from collections.abc import Callable

import django

LOGS = 50
TEXT = "What an agent says in a paragraph. " * 10


def make_sessions(project_id: str, count: str) -> None:
    """Sessions as the lists show them, each with a finished turn's trace."""
    from projects.models import Project
    from sessions.models import AgentSession, SessionStatus

    project = Project.objects.get(pk=project_id)
    taken = AgentSession.objects.filter(project=project).count()
    AgentSession.objects.bulk_create(
        AgentSession(
            organization_id=project.organization_id,
            project=project,
            name=f"row {number}",
            model="sonnet",
            base_branch="main",
            base_commit="0" * 40,
            branch=f"slipway/row-{number}",
            status=SessionStatus.COMPLETED,
        )
        for number in range(taken, int(count))
    )


def make_events(session_id: str, count: str) -> None:
    """A log of the agent's texts."""
    from django.utils import timezone

    from sessions.models import AgentSession, Event

    session = AgentSession.objects.get(pk=session_id)
    first, last = session.last_seq + 1, session.last_seq + int(count)
    payload = {"block": "msg_1:0", "parent": None, "text": TEXT}
    Event.objects.bulk_create(
        Event(
            session=session,
            seq=seq,
            organization_id=session.organization_id,
            kind="assistant.text",
            payload=payload,
            created_at=timezone.now(),
        )
        for seq in range(first, last + 1)
    )
    AgentSession.objects.filter(pk=session_id).update(last_seq=last)


def count_queries(path: str, token: str) -> None:
    """Print how many queries one GET takes."""
    from django.conf import settings
    from django.db import connection
    from django.test import Client
    from django.test.utils import CaptureQueriesContext

    client = Client(SERVER_NAME=settings.ALLOWED_HOSTS[0], headers={"Authorization": f"Bearer {token}"})
    with CaptureQueriesContext(connection) as captured:
        answer = client.get(path)
    assert answer.status_code == 200, answer.content
    print(len(captured))


def ring_notify(count: str) -> None:
    """Print the median milliseconds from NOTIFY on one connection until another one hears of it."""
    import psycopg

    from sessions.log.writer import django_conninfo

    times = []
    with psycopg.connect(django_conninfo(), autocommit=True) as ear, psycopg.connect(django_conninfo()) as mouth:
        ear.execute("LISTEN bench")
        for _ in range(int(count)):
            began = time.perf_counter()
            mouth.execute("NOTIFY bench")
            mouth.commit()
            next(ear.notifies(timeout=5, stop_after=1))
            times.append((time.perf_counter() - began) * 1000)
    print(statistics.median(times))


def append_events(session_id: str, count: str) -> None:
    """Print how many events a second our writer appends to 50 logs at once, and a bare connection inserts."""
    from sessions.models import AgentSession

    like = AgentSession.objects.select_related("project").get(pk=session_id)
    make_sessions(str(like.project_id), str(AgentSession.objects.filter(project=like.project).count() + LOGS))
    ids = list(AgentSession.objects.filter(project=like.project).order_by("-pk").values_list("pk", flat=True)[:LOGS])
    print(asyncio.run(_append(ids, int(count))), _insert(ids, int(count)))


async def _append(ids: list[uuid.UUID], count: int) -> float:
    from sessions.events import Entry
    from sessions.log import Batch, LogWriter

    entry = Entry("agent.notice", {"level": "info", "text": TEXT, "detail": ""})
    async with LogWriter() as writer:

        async def one(id: uuid.UUID) -> None:
            for _ in range(count // LOGS):
                await writer.commit(id, 0, Batch([entry]))

        began = time.perf_counter()
        await asyncio.gather(*(one(id) for id in ids))
        return count / (time.perf_counter() - began)


def _insert(ids: list[uuid.UUID], count: int) -> float:
    import psycopg

    from sessions.log.writer import django_conninfo
    from sessions.models import AgentSession

    sql = (
        "INSERT INTO agent_sessions_event (session_id, seq, organization_id, kind, payload, created_at) "
        "VALUES (%s, %s, %s, 'agent.notice', %s, now())"
    )
    organization = AgentSession.objects.get(pk=ids[0]).organization_id
    with psycopg.connect(django_conninfo(), autocommit=True) as db:
        began = time.perf_counter()
        for number in range(count):
            db.execute(sql, (ids[number % LOGS], 10**6 + number, organization, json.dumps({"text": TEXT})))
        return count / (time.perf_counter() - began)


COMMANDS: dict[str, Callable[..., None]] = {
    "sessions": make_sessions,
    "events": make_events,
    "queries": count_queries,
    "notify": ring_notify,
    "append": append_events,
}

if __name__ == "__main__":
    os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
    django.setup()
    COMMANDS[sys.argv[1]](*sys.argv[2:])

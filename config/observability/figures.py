"""The state of the whole deployment in numbers, from bounded queries; what metrics and the operator's page show."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

from django.db import connection, transaction
from django.db.models import Count, Min, QuerySet
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob

from config import worker
from environments import services as environments
from environments.models import Machine, MachineStatus
from sessions.models import AgentSession, Job, JobStatus, PermissionRequest, PermissionStatus, SessionStatus

QUERY_TIMEOUT_MS = 1000


@dataclass(frozen=True)
class Figures:
    """Counts by state, every state named; seconds are of now."""

    jobs: dict[str, int]  # ours: waiting (for their place), admitted (for a worker), running
    oldest_waiting_s: float
    tasks: dict[str, int]  # Procrastinate's: todo, doing
    sessions: dict[str, int]
    machines: dict[str, int]
    permissions: int  # that wait for a person
    workers: int  # whose heart beats


def figures() -> Figures:
    """Count once. Raises: DatabaseError (away, or too slow)."""
    now = timezone.now()
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("select set_config('statement_timeout', %s, true)", [str(QUERY_TIMEOUT_MS)])
        pending = Job.objects.filter(status=JobStatus.PENDING)
        waiting = pending.filter(admitted_at=None)
        oldest = pending.aggregate(oldest=Min("created_at"))["oldest"]
        return Figures(
            jobs={
                "waiting": waiting.count(),
                "admitted": pending.exclude(admitted_at=None).count(),
                "running": Job.objects.filter(status=JobStatus.PROCESSING).count(),
            },
            oldest_waiting_s=(now - oldest).total_seconds() if oldest else 0.0,
            tasks=_by(ProcrastinateJob.objects.filter(status__in=("todo", "doing")), ["todo", "doing"]),
            sessions=_by(AgentSession.objects.all(), SessionStatus.values),
            machines=_by(Machine.objects.filter(status__in=environments.LIVE), MachineStatus.values),
            permissions=PermissionRequest.objects.filter(status=PermissionStatus.PENDING).count(),
            workers=_living_workers(now),
        )


def _by(rows: QuerySet[Any], states: list[str]) -> dict[str, int]:
    found = dict(rows.order_by().values_list("status").annotate(Count("pk")))
    return {state: found.get(state, 0) for state in states}


def _living_workers(now: dt.datetime) -> int:
    since = now - dt.timedelta(seconds=worker.STALLED_S)
    with connection.cursor() as cursor:
        cursor.execute("select count(*) from procrastinate_workers where last_heartbeat > %s", [since])
        row = cursor.fetchone()
    return int(row[0]) if row else 0

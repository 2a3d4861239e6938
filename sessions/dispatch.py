"""Enqueues the jobs of sessions by name, in the caller's transaction: rolled back with it, it never ran."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta

from django.db import models, transaction
from django.db.models import Exists, OuterRef, Value
from django.db.models.functions import Cast, Concat
from procrastinate.contrib.django import app
from procrastinate.contrib.django.models import ProcrastinateJob

from sessions.models import AgentSession, Job, JobStatus

QUEUE = "agents"
LOCK = "session:"
LOST_AFTER = timedelta(seconds=30)


def defer_turn(session_id: uuid.UUID, job_id: uuid.UUID) -> None:
    """One turn at a time per session, in the order of their messages."""
    task = app.configure_task("sessions.run_turn", queue=QUEUE, lock=f"{LOCK}{session_id}")
    task.defer(session_id=str(session_id), job_id=str(job_id))


def defer_stop(session_id: uuid.UUID) -> None:
    """Behind the turns, cancelled by now and over within seconds: no sandbox is pulled from under a snapshot."""
    task = app.configure_task("sessions.stop_session", queue=QUEUE, lock=f"{LOCK}{session_id}")
    task.defer(session_id=str(session_id))


def defer_cleanup(session_id: uuid.UUID) -> None:
    """Behind the turn that still runs, which ends when it sees its lease gone: no sandbox is made afterwards."""
    task = app.configure_task("sessions.cleanup_session", queue=QUEUE, lock=f"{LOCK}{session_id}")
    task.defer(session_id=str(session_id))


@transaction.atomic
def rescue_turns(*, now: datetime) -> int:
    """Queue the jobs that no task will come to: two workers had one task, and the first to end it took it along.

    One task does for all jobs of a session, since it ends those before its own. Returns how many sessions.
    """
    lock = Concat(Value(LOCK), Cast(OuterRef("pk"), models.TextField()))
    tasks = ProcrastinateJob.objects.filter(lock=lock, status__in=("todo", "doing"))
    waiting = Job.objects.filter(session=OuterRef("pk"), status__in=(JobStatus.PENDING, JobStatus.PROCESSING))
    lost = AgentSession.objects.filter(Exists(waiting.filter(created_at__lt=now - LOST_AFTER)), ~Exists(tasks))
    found = list(lost.annotate(last=waiting.order_by("-created_at", "-pk").values("pk")[:1]).values_list("pk", "last"))
    for session_id, job_id in found:
        defer_turn(session_id, job_id)
    return len(found)

"""A job's way followed from who asked for it to its end: its ids in every log line, its span, its times."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import structlog
from channels.db import database_sync_to_async as in_db
from django.utils import timezone

from runtime import metrics, tracing
from sessions.engine.claims import ENDED, Turn
from sessions.models import NOBODY, Job

FRESH_S = 1.0  # a start that is older is that of a worker before us


@asynccontextmanager
async def followed(turn: Turn) -> AsyncIterator[None]:
    """While the block runs, what is logged says whose job it is, and spans belong to the request that asked for it."""
    origin = await in_db(_origin)(turn.job_id)
    ids = {
        "organization_id": str(turn.organization_id),
        "session_id": str(turn.session_id),
        "job_id": str(turn.job_id),
        **{name: value for name, value in origin.items() if name != "traceparent" and value},
    }
    with (
        structlog.contextvars.bound_contextvars(**ids),
        tracing.span("job", parent=origin.get("traceparent", ""), **ids) as span,
    ):
        yield
        span.set(outcome=await in_db(_count_end)(turn.job_id))


def _origin(job_id: uuid.UUID) -> dict[str, str]:
    job = Job.objects.filter(pk=job_id).first()
    if job is None:
        return {}
    if job.started_at and (timezone.now() - job.started_at).total_seconds() < FRESH_S:
        metrics.JOB_WAIT_SECONDS.observe(max(0.0, (job.started_at - job.created_at).total_seconds()))
    user = "" if job.asked_by == NOBODY else str(job.asked_by)
    return {"request_id": job.request_id, "traceparent": job.traceparent, "user_id": user}


def _count_end(job_id: uuid.UUID) -> str:
    """How the job ended: its status, counted with its time; empty when it goes on elsewhere."""
    job: Any = Job.objects.filter(pk=job_id, status__in=ENDED).first()
    if job is None:
        return ""
    if job.started_at and job.finished_at:
        metrics.JOB_SECONDS.labels(job.status).observe(max(0.0, (job.finished_at - job.started_at).total_seconds()))
    return str(job.status)

"""Jobs of sessions: turns wait in our own fair queue, and what may begin is deferred by name, in one transaction."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.conf import settings
from django.db import connection, models, transaction
from django.db.models import Exists, OuterRef, Q, Value
from django.db.models.functions import Cast, Coalesce, Concat
from procrastinate.contrib.django import app
from procrastinate.contrib.django.models import ProcrastinateJob
from procrastinate.exceptions import AlreadyEnqueued

from sessions import admission
from sessions.admission import places
from sessions.models import AgentSession, Job, JobStatus, Move, Restoration, RestorationStatus

__all__ = [
    "admit",
    "defer_cleanup",
    "defer_clear_homes",
    "defer_deletion",
    "defer_move",
    "defer_pool",
    "defer_put_away",
    "defer_rest",
    "defer_restore",
    "defer_stop",
    "defer_turn",
    "defer_warm",
    "enqueue",
    "finish_deletion",
    "for_good",
    "places",
    "rescue_moves",
    "rescue_restorations",
    "rescue_turns",
    "turn_ended",
]

logger = structlog.get_logger(__name__)

QUEUE = "agents"
LOCK = "session:"
LOST_AFTER = timedelta(seconds=30)
CLOCKS_DIFFER = timedelta(seconds=60)


def enqueue(session_id: uuid.UUID) -> None:
    """The session has a new turn that waits: see to admission when the caller's transaction has committed.

    Nothing is lost when that fails, since each worker looks every few seconds.
    """
    logger.debug("turn_enqueued", session_id=str(session_id))
    _admit_on_commit()


def turn_ended(session_id: uuid.UUID) -> None:
    """The session's turn is over or waits for a person: others may begin when the transaction has committed."""
    logger.debug("turn_ended", session_id=str(session_id))
    _admit_on_commit()


def _admit_on_commit() -> None:
    """Once a transaction, however many turns it makes."""
    hooks: list[Any] = connection.run_on_commit
    if all(admit not in hook for hook in hooks):
        transaction.on_commit(admit, robust=True)


@transaction.atomic
def admit() -> int:
    """Let as many waiting turns begin as the limits allow, each with its task in the same transaction; how many."""
    admitted = admission.next_turns()
    for session_id, job_id in admitted:
        defer_turn(session_id, job_id)
    return len(admitted)


def defer_turn(session_id: uuid.UUID, job_id: uuid.UUID | None = None) -> None:
    """One turn at a time per session, in the order of their admission; without a job, whatever goes on there."""
    task = app.configure_task("sessions.run_turn", queue=QUEUE, lock=f"{LOCK}{session_id}")
    task.defer(session_id=str(session_id), job_id=str(job_id or ""))


def defer_stop(session_id: uuid.UUID, *, is_forced: bool = False) -> None:
    """Behind the turns, cancelled by now and over within seconds: no sandbox is pulled from under a snapshot."""
    task = app.configure_task("sessions.stop_session", queue=QUEUE, lock=f"{LOCK}{session_id}")
    task.defer(session_id=str(session_id), is_forced=is_forced)


def defer_move(session_id: uuid.UUID) -> None:
    """Before the turns that are asked for from now on: they go on where the session is then."""
    task = app.configure_task("sessions.move", queue=QUEUE, lock=f"{LOCK}{session_id}")
    task.defer(session_id=str(session_id))


def defer_cleanup(session_id: uuid.UUID) -> None:
    """Behind the turn that still runs, which ends when it sees its lease gone: no sandbox is made afterwards."""
    task = app.configure_task("sessions.cleanup_session", queue=QUEUE, lock=f"{LOCK}{session_id}")
    task.defer(session_id=str(session_id))


def for_good(now: datetime) -> datetime:
    """What was deleted before can no longer be taken back."""
    return now - timedelta(seconds=settings.UNDO_S)


def defer_deletion(session_id: uuid.UUID) -> None:
    """Stop a deleted session at once, and remove what it leaves when that can no longer be taken back.

    What waits holds no lock, so that a session that was given back goes on meanwhile.
    """
    if not settings.UNDO_S:
        return defer_cleanup(session_id)
    defer_stop(session_id)
    wait = {"seconds": settings.UNDO_S}
    app.configure_task("sessions.finish_deletion", queue=QUEUE, schedule_in=wait).defer(session_id=str(session_id))
    return None


def finish_deletion(session_id: uuid.UUID, *, now: datetime) -> None:
    """Nothing for one that was given back, or was deleted anew; clocks may differ by a little."""
    over = for_good(now) + CLOCKS_DIFFER
    if AgentSession.with_deleted.filter(pk=session_id, deleted_at__lte=over).exists():
        defer_cleanup(session_id)


def defer_warm(session_id: uuid.UUID) -> None:
    """Make a sandbox ready before it is needed; once, however often it is asked for."""
    _defer_once("sessions.warm", session_id)


def defer_pool(environment_id: uuid.UUID) -> None:
    """Look after an environment's warm sandboxes, one worker at a time; once, however often it is asked for."""
    _defer_for("sessions.keep_pool", environment_id)


def defer_clear_homes(environment_id: uuid.UUID) -> None:
    """Remove what nobody needs any more there, one worker at a time; once, however often it is asked for."""
    _defer_for("sessions.clear_left_homes", environment_id)


def defer_put_away(session_id: uuid.UUID) -> None:
    """Behind the turns: one that has just begun keeps its sandbox."""
    _defer_once("sessions.put_away", session_id)


def defer_rest(session_id: uuid.UUID) -> None:
    """Behind the turns, so that none begins while the idle agent is asked to leave; once, however often it is asked."""
    _defer_once("sessions.rest_agent", session_id)


def defer_restore(session_id: uuid.UUID) -> None:
    """Before the turns that are asked for from now on, so that they find the tree as it was asked for."""
    task = app.configure_task("sessions.restore_tree", queue=QUEUE, lock=f"{LOCK}{session_id}")
    task.defer(session_id=str(session_id))


def _defer_once(name: str, session_id: uuid.UUID) -> None:
    task = app.configure_task(name, queue=QUEUE, lock=f"{LOCK}{session_id}", queueing_lock=f"{name}:{session_id}")
    with contextlib.suppress(AlreadyEnqueued), transaction.atomic():
        task.defer(session_id=str(session_id))


def _defer_for(name: str, environment_id: uuid.UUID) -> None:
    lock = f"{name}:{environment_id}"
    task = app.configure_task(name, queue=QUEUE, lock=lock, queueing_lock=lock)
    with contextlib.suppress(AlreadyEnqueued), transaction.atomic():
        task.defer(environment_id=str(environment_id))


@transaction.atomic
def rescue_turns(*, now: datetime) -> int:
    """Defer the admitted jobs that no task will come to: two workers had one, and the first to end it took it along.

    One task does for all jobs of a session, since it ends those before its own. Returns how many sessions.
    """
    lock = Concat(Value(LOCK), Cast(OuterRef("pk"), models.TextField()))
    tasks = ProcrastinateJob.objects.filter(lock=lock, status__in=("todo", "doing"))
    begun = Q(status=JobStatus.PROCESSING) | Q(status=JobStatus.PENDING, admitted_at__isnull=False)
    waiting = Job.objects.filter(begun, session=OuterRef("pk")).alias(since=Coalesce("admitted_at", "created_at"))
    lost = AgentSession.objects.filter(Exists(waiting.filter(since__lt=now - LOST_AFTER)), ~Exists(tasks))
    found = list(lost.annotate(last=waiting.order_by("-created_at", "-pk").values("pk")[:1]).values_list("pk", "last"))
    for session_id, job_id in found:
        defer_turn(session_id, job_id)
    return len(found)


def rescue_restorations(*, now: datetime) -> int:
    """Defer those that no task will come to; returns how many."""
    return _rescue(Restoration.objects.filter(status=RestorationStatus.PENDING), defer_restore, now)


def rescue_moves(*, now: datetime) -> int:
    """The same of moves."""
    return _rescue(Move.objects.filter(status=RestorationStatus.PENDING), defer_move, now)


@transaction.atomic
def _rescue(rows: models.QuerySet[Any], defer: Callable[[uuid.UUID], None], now: datetime) -> int:
    lock = Concat(Value(LOCK), Cast(OuterRef("session_id"), models.TextField()))
    tasks = ProcrastinateJob.objects.filter(lock=lock, status__in=("todo", "doing"))
    lost = rows.filter(~Exists(tasks), created_at__lt=now - LOST_AFTER, session__deleted_at=None)
    found = list(lost.values_list("session_id", flat=True))
    for session_id in found:
        defer(session_id)
    return len(found)

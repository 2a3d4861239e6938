"""The database side of a turn: claiming it, and recording each step under the lease of its epoch.

Every write here is conditional on the session's epoch, so that a worker that was taken for dead cannot change what a
later one does.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Exists, OuterRef, Q

from environments import services as environments
from environments.models import Environment, Machine
from gateway import services as gateway
from sessions import dispatch, log
from sessions.errors import StaleEpoch
from sessions.events import Entry
from sessions.models import (
    AgentSession,
    Checkpoint,
    Event,
    GitStatus,
    Job,
    JobStatus,
    PermissionMode,
    PermissionRequest,
    PermissionStatus,
    SessionStatus,
)
from sessions.services import entries
from sessions.services.permissions import withdraw
from sessions.storable import clean

ENDED = (JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.CANCELLED)
WORKING = (SessionStatus.RUNNING, SessionStatus.WAITING_INPUT)


@dataclass(frozen=True)
class Turn:
    """One claimed job with all that the worker needs to know of its session."""

    session_id: uuid.UUID
    organization_id: uuid.UUID
    project_id: uuid.UUID
    job_id: uuid.UUID
    message_id: uuid.UUID
    epoch: int
    text: str
    is_delivered: bool
    is_cancelled: bool  # the job was cancelled before this worker took it
    result: dict[str, Any] | None  # the turn's end, when the log has it already: only the checkpoint is missing
    is_practice: bool
    branch: str
    base_commit: str
    head_commit: str
    is_dirty: bool
    model: str
    permission_mode: str
    claude_session_id: uuid.UUID | None
    agent_run: str
    agent_offset: int
    agent_state: dict[str, Any] = field(repr=False)
    agent_options: dict[str, Any] = field(repr=False)


@dataclass(frozen=True)
class Answer:
    """A person's answer that the agent has not got yet."""

    id: uuid.UUID
    request_id: str
    is_allowed: bool
    input: dict[str, Any]
    suggestions: list[dict[str, Any]]
    answer: dict[str, Any]


def claim(*, session_id: uuid.UUID, job_id: uuid.UUID, now: datetime) -> Turn | None:
    """Take the oldest unfinished job up to this one under a new epoch; None when there is nothing to do (any more).

    A job that is PROCESSING already is one whose worker died or was taken for dead: it is taken over, whoever's turn
    it is in the queue. So is a cancelled one whose agent nobody has told: it still works on what is no longer wanted.
    """
    with transaction.atomic():
        session = AgentSession.objects.select_for_update().filter(pk=session_id).first()
        job = None if session is None else _due(session, job_id)
        if session is None or job is None:
            return None
        session.epoch += 1
        session.is_practice = gateway.is_practice(session.organization_id)
        session.save(update_fields=["epoch", "is_practice", "updated_at"])
        is_new = job.status == JobStatus.PENDING
        job.status = JobStatus.PROCESSING if is_new else job.status
        job.epoch, job.started_at = session.epoch, job.started_at or now
        job.save(update_fields=["status", "epoch", "started_at"])
        _show(session, SessionStatus.RUNNING, "")
        new = [entries.job_status(job)] if is_new else []
        log.append(session, [*new, entries.session_status(session)], job_id=job.id, now=now)
        return _turn(session, job)


def _due(session: AgentSession, job_id: uuid.UUID) -> Job | None:
    """The first job that is not over, of those up to `job_id`."""
    asked = Job.objects.filter(pk=job_id, session_id=session.pk).first()
    if asked is None:
        return None
    is_over = Q(status__in=ENDED)
    if session.status in WORKING and session.epoch:
        is_over &= ~Q(status=JobStatus.CANCELLED, epoch=session.epoch)
    is_later = Q(created_at__gt=asked.created_at) | Q(created_at=asked.created_at, pk__gt=asked.pk)
    jobs = Job.objects.select_related("message").filter(session_id=session.pk).exclude(is_over).exclude(is_later)
    return jobs.order_by("created_at", "pk").first()


def _turn(session: AgentSession, job: Job) -> Turn:
    ended = Event.objects.filter(session_id=session.id, job_id=job.id, kind="turn.completed").last()
    return Turn(
        session_id=session.id,
        organization_id=session.organization_id,
        project_id=session.project_id,
        job_id=job.id,
        message_id=job.message.id,
        epoch=session.epoch,
        text=job.message.text,
        is_delivered=job.message.delivered_at is not None,
        is_cancelled=job.status == JobStatus.CANCELLED,
        result=ended.payload if ended else None,
        is_practice=session.is_practice,
        branch=session.branch,
        base_commit=session.base_commit,
        head_commit=session.head_commit,
        is_dirty=session.git_status == GitStatus.DIRTY,
        model=session.model,
        permission_mode=session.permission_mode,
        claude_session_id=session.claude_session_id,
        agent_run=session.agent_run,
        agent_offset=session.agent_offset,
        agent_state=session.agent_state,
        agent_options=session.agent_options,
    )


def locked_session(turn: Turn) -> AgentSession:
    """The session's row, locked, if the turn still holds the lease.

    Raises: StaleEpoch (another worker has taken over, or the session is gone).
    """
    session = AgentSession.objects.select_for_update().filter(pk=turn.session_id, epoch=turn.epoch).first()
    if session is None:
        raise StaleEpoch
    return session


@transaction.atomic
def note_progress(turn: Turn, percent: int, message: str, now: datetime) -> None:
    """Say how far the turn has come: shown beside the session's status."""
    session = locked_session(turn)
    job = Job.objects.select_related("message").get(pk=turn.job_id)
    if job.status != JobStatus.PROCESSING:
        return
    job.progress, job.progress_message = percent, message
    job.save(update_fields=["progress", "progress_message"])
    log.append(session, [entries.job_status(job)], job_id=job.id, now=now)


@transaction.atomic
def set_status(turn: Turn, status: SessionStatus, now: datetime, *, reason: str = "") -> None:
    """Change what the session shows, if it is something new."""
    session = locked_session(turn)
    if (session.status, session.status_reason) == (status, reason):
        return
    _show(session, status, reason)
    log.append(session, [entries.session_status(session)], job_id=turn.job_id, now=now)
    if status == SessionStatus.WAITING_INPUT:
        dispatch.turn_ended(session.id)  # others may work while it waits


@transaction.atomic
def new_machine(turn: Turn, environment: Environment) -> Machine:
    """A row for the sandbox that is about to be made, which is the session's from now on."""
    session = locked_session(turn)
    machine = environments.create_machine(environment)
    AgentSession.objects.filter(pk=session.pk).update(machine=machine)
    return machine


@transaction.atomic
def begin_run(turn: Turn, *, run: str, claude_session_id: uuid.UUID, options: dict[str, Any], now: datetime) -> None:
    """A new agent process is about to be started: its spool is read from the beginning, the old one asks no more."""
    session = locked_session(turn)
    AgentSession.objects.filter(pk=session.pk).update(
        agent_run=run, agent_offset=0, agent_state={}, agent_options=options, claude_session_id=claude_session_id
    )
    log.append(session, withdraw(session, now=now, reason="The agent ended."), job_id=turn.job_id, now=now)


@transaction.atomic
def mark_delivered(turn: Turn, now: datetime) -> None:
    """The agent has the message."""
    locked_session(turn)
    job = Job.objects.select_related("message").get(pk=turn.job_id)
    type(job.message).objects.filter(pk=job.message.pk, delivered_at=None).update(delivered_at=now)


def undelivered_answers(turn: Turn) -> list[Answer]:
    """Answers to what was asked in this turn; those that came too late for an earlier one are of no use to anybody."""
    rows = PermissionRequest.objects.filter(
        job_id=turn.job_id, delivered_at=None, status__in=(PermissionStatus.ALLOWED, PermissionStatus.DENIED)
    ).order_by("answered_at")
    return [
        Answer(
            row.id, row.request_id, row.status == PermissionStatus.ALLOWED, row.input, row.suggestions, row.answer or {}
        )
        for row in rows
    ]


def answer_delivered(id: uuid.UUID, now: datetime) -> None:
    PermissionRequest.objects.filter(pk=id, delivered_at=None).update(delivered_at=now)


def has_pending_permissions(turn: Turn) -> bool:
    return PermissionRequest.objects.filter(session_id=turn.session_id, status=PermissionStatus.PENDING).exists()


def pending_request_ids(turn: Turn) -> list[str]:
    rows = PermissionRequest.objects.filter(session_id=turn.session_id, status=PermissionStatus.PENDING)
    return list(rows.values_list("request_id", flat=True))


def wishes(turn: Turn) -> tuple[bool, bool]:
    """Whether the user wants the turn interrupted, and whether it is cancelled.

    Raises: StaleEpoch (another worker has taken over, or the session is gone).
    """
    held = AgentSession.objects.filter(pk=OuterRef("session_id"), epoch=turn.epoch)
    job = Job.objects.filter(Exists(held), pk=turn.job_id).first()
    if job is None:
        raise StaleEpoch
    return (
        job.interrupt_requested_at is not None,
        job.cancel_requested_at is not None or job.status == JobStatus.CANCELLED,
    )


@transaction.atomic
def finish(
    turn: Turn,
    status: JobStatus,
    session_status: SessionStatus,
    now: datetime,
    *,
    error: str = "",
    result: dict[str, Any] | None = None,
) -> None:
    """End the job, unless the user has ended it already, and show the session's state after it.

    What is still asked is withdrawn, since nobody will deliver an answer. `error` may hold anything from inside.
    """
    session, error = locked_session(turn), str(clean(error))
    job = Job.objects.select_related("message").get(pk=turn.job_id)
    new = withdraw(session, now=now, reason="The turn has ended.")
    if job.status == JobStatus.PROCESSING:
        job.status, job.error, job.result, job.finished_at = status, error[:2000], result, now
        job.progress = 100 if status == JobStatus.COMPLETED else job.progress
        job.progress_message = ""
        job.save(update_fields=["status", "error", "result", "finished_at", "progress", "progress_message"])
        new.append(entries.job_status(job))
    session.cost_usd, session.live = gateway.usage_of(session.id).cost_usd, {}
    session.save(update_fields=["cost_usd", "live"])
    _show(session, session_status, error if session_status == SessionStatus.ERROR else "")
    log.append(session, [*new, entries.session_status(session)], job_id=job.id, now=now)
    dispatch.turn_ended(session.id)


def _show(session: AgentSession, status: SessionStatus, reason: str) -> None:
    session.status, session.status_reason = status, reason[:1000]
    session.save(update_fields=["status", "status_reason", "updated_at"])


@transaction.atomic
def note_mode(turn: Turn, mode: str) -> None:
    """The agent changed its permission mode by itself, as after an approved plan; a person's newer choice stays."""
    session = locked_session(turn)
    if mode not in PermissionMode.values:
        return
    if session.permission_mode == session.agent_options.get("permission_mode"):
        session.permission_mode = mode
    session.agent_options = {**session.agent_options, "permission_mode": mode}
    session.save(update_fields=["permission_mode", "agent_options"])


@transaction.atomic
def distrust_agent(turn: Turn) -> None:
    """The next turn takes a new process: nobody knows what this one is doing."""
    AgentSession.objects.filter(pk=locked_session(turn).pk).update(agent_options={})


@transaction.atomic
def note_lost_snapshot(turn: Turn, error: str, now: datetime) -> None:
    """Tell that the vault has not got the working tree; it is still in the sandbox."""
    text = "The working tree could not be saved after this turn; it will be tried again after the next one."
    payload = {"level": "error", "text": text, "detail": error[:2000]}
    log.append(locked_session(turn), [Entry("agent.notice", payload)], job_id=turn.job_id, now=now)


@transaction.atomic
def save_checkpoint(
    turn: Turn, *, id: uuid.UUID, commit: str, is_dirty: bool, files_changed: int, now: datetime
) -> None:
    """The working tree after the turn, which the vault has by now."""
    session = locked_session(turn)
    git_status = GitStatus.DIRTY if is_dirty else GitStatus.CLEAN
    Checkpoint.objects.create(
        id=id,
        organization_id=turn.organization_id,
        session=session,
        job_id=turn.job_id,
        commit=commit,
        git_status=git_status,
        files_changed=files_changed,
    )
    AgentSession.objects.filter(pk=session.pk).update(head_commit=commit, git_status=git_status)
    payload = {"checkpoint_id": str(id), "commit": commit, "git_status": git_status, "files_changed": files_changed}
    log.append(session, [Entry("checkpoint.created", payload)], job_id=turn.job_id, now=now)

"""Taking a session's lease: for its next turn, for one that the agent begins by itself, or to watch what goes on."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Q
from procrastinate.contrib.django.models import ProcrastinateJob

from gateway import services as gateway
from sessions import dispatch, log
from sessions.engine.whereabouts import environment_of
from sessions.errors import StaleEpoch
from sessions.models import (
    NOBODY,
    AgentSession,
    Attachment,
    Event,
    GitStatus,
    Job,
    JobStatus,
    JobTrigger,
    PermissionRule,
    SessionStatus,
)
from sessions.services import entries, moving, restoring

ENDED = (JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.CANCELLED)
WORKING = (SessionStatus.RUNNING, SessionStatus.WAITING_INPUT)
# An agent whose background tasks or own turns go on, unless nobody knows any more what it does.
_IS_KNOWN = ~Q(agent_run="") & ~Q(agent_options={}) & ~Q(status=SessionStatus.STOPPED)
GOES_ON = _IS_KNOWN & (~Q(background=[]) | Q(agent_state__activity__in=("running", "requires_action")))


@dataclass(frozen=True, kw_only=True)
class Lease:
    """A session that this worker holds, with all that it needs to know of it; `job_id` is the turn's, if one runs."""

    session_id: uuid.UUID
    organization_id: uuid.UUID
    project_id: uuid.UUID
    job_id: uuid.UUID | None = None
    epoch: int
    is_practice: bool
    branch: str
    base_commit: str
    head_commit: str
    is_dirty: bool
    title: str
    model: str
    permission_mode: str
    rules: list[str]
    has_background: bool
    claude_session_id: uuid.UUID | None
    agent_run: str
    agent_offset: int
    agent_state: dict[str, Any] = field(repr=False)
    agent_options: dict[str, Any] = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class Turn(Lease):
    """One claimed job; `message_id` is None when the agent began the turn by itself."""

    job_id: uuid.UUID
    message_id: uuid.UUID | None
    text: str
    note: str  # what the agent is told besides, since it cannot know
    is_delivered: bool
    is_cancelled: bool  # the job was cancelled before this worker took it
    result: dict[str, Any] | None  # the turn's end, when the log has it already: only the checkpoint is missing

    @property
    def is_unasked(self) -> bool:
        """Whether the agent began it by itself."""
        return self.message_id is None


def claim(*, session_id: uuid.UUID, job_id: uuid.UUID | None = None, now: datetime) -> Turn | None:
    """Take the session's next unfinished job under a new epoch; None when there is nothing to do (any more).

    A job that is PROCESSING already is one whose worker died or was taken for dead: it is taken over, whoever's turn
    it is in the queue. So is a cancelled one whose agent nobody has told: it still works on what is no longer wanted.
    With `job_id` the caller was sent for that job, so it and those before it need no admission; others do.
    """
    with transaction.atomic():
        session = AgentSession.objects.select_for_update().filter(pk=session_id).first()
        job = None if session is None else _due(session, job_id)
        if session is None or job is None:
            return None
        _take(session)
        is_new = job.status == JobStatus.PENDING
        job.status = JobStatus.PROCESSING if is_new else job.status
        job.epoch, job.started_at = session.epoch, job.started_at or now
        job.save(update_fields=["status", "epoch", "started_at"])
        if is_new:
            restoring.tell_with(job)
            moving.tell_with(job)
        new = [entries.job_status(job)] if is_new else []
        log.append(session, [*new, entries.session_status(session)], job_id=job.id, now=now)
        return _turn(session, job)


def has_due(session_id: uuid.UUID) -> bool:
    """Whether a turn could be claimed, or somebody else waits for the session's lock, as for its stop."""
    tasks = ProcrastinateJob.objects.filter(lock=f"{dispatch.LOCK}{session_id}", status="todo")
    return is_due(session_id) or tasks.exclude(task_name="sessions.run_turn").exists()


def is_due(session_id: uuid.UUID, job_id: uuid.UUID | None = None) -> bool:
    """Whether a turn could be claimed."""
    session = AgentSession.objects.filter(pk=session_id).first()
    return session is not None and _due(session, job_id) is not None


def claim_watch(*, session_id: uuid.UUID) -> Lease | None:
    """Take the lease of a session whose agent goes on although no turn runs; None when it has nothing left to do."""
    with transaction.atomic():
        session = AgentSession.objects.select_for_update().filter(GOES_ON, pk=session_id).first()
        if session is None or _due(session, None) is not None:
            return None
        return hold(session)


def hold(session: AgentSession) -> Lease:
    """The lease of a session whose row the caller has locked: whoever had it before writes nothing more."""
    session.epoch += 1
    session.save(update_fields=["epoch", "updated_at"])
    return Lease(**_facts(session))


def begin_unasked(lease: Lease, *, offset: int, now: datetime) -> Turn:
    """A job for the turn that the agent began by itself at this position of its spool; once, however often it is read.

    Raises: StaleEpoch.
    """
    with transaction.atomic():
        session = AgentSession.objects.select_for_update().filter(pk=lease.session_id, epoch=lease.epoch).first()
        if session is None:
            raise StaleEpoch
        _take(session)
        job, is_new = Job.objects.get_or_create(
            pk=uuid.uuid5(session.pk, f"{lease.agent_run}:{offset}"),
            defaults={
                "organization_id": session.organization_id,
                "session": session,
                "status": JobStatus.PROCESSING,
                "trigger": JobTrigger.AGENT,
                "asked_by": session.created_by_id or NOBODY,
                "admitted_at": now,
                "started_at": now,
                "created_at": now,
            },
        )
        job.epoch = session.epoch
        job.save(update_fields=["epoch"])
        new = [entries.job_status(job)] if is_new else []
        log.append(session, [*new, entries.session_status(session)], job_id=job.id, now=now)
        return _turn(session, job)


def rules_of(session: AgentSession) -> list[str]:
    """What the session's agent may do without asking."""
    owners = Q(session_id=session.pk) | Q(session=None)
    rows = PermissionRule.objects.filter(owners, project_id=session.project_id)
    return sorted(set(rows.values_list("rule", flat=True)))


def _take(session: AgentSession) -> None:
    session.epoch += 1
    environment = environment_of(session)
    session.is_practice = gateway.is_practice(session.organization_id, environment.pk if environment else None)
    session.status, session.status_reason, session.idle_since = SessionStatus.RUNNING, "", None
    session.stop_refused_at = None
    fields = ["epoch", "is_practice", "status", "status_reason", "idle_since", "stop_refused_at", "updated_at"]
    session.save(update_fields=fields)


def _due(session: AgentSession, job_id: uuid.UUID | None) -> Job | None:
    """What was begun first, then what is urgent, then the oldest."""
    is_over = Q(status__in=ENDED)
    if session.status in WORKING and session.epoch:
        is_over &= ~Q(status=JobStatus.CANCELLED, epoch=session.epoch)
    asked = None if job_id is None else _created_at(session, job_id)
    may_begin = ~Q(status=JobStatus.PENDING) | Q(admitted_at__isnull=False)
    if asked is not None:
        may_begin |= Q(created_at__lte=asked)
    jobs = list(Job.objects.filter(may_begin, session_id=session.pk).exclude(is_over).select_related("message"))
    return min(jobs, key=_rank, default=None)


def _created_at(session: AgentSession, job_id: uuid.UUID) -> datetime | None:
    return Job.objects.filter(pk=job_id, session_id=session.pk).values_list("created_at", flat=True).first()


def _rank(job: Job) -> tuple[bool, bool, datetime, uuid.UUID]:
    return (job.status == JobStatus.PENDING, not job.is_urgent, job.created_at, job.pk)


def _turn(session: AgentSession, job: Job) -> Turn:
    ended = Event.objects.filter(session_id=session.id, job_id=job.id, kind="turn.completed").last()
    message = getattr(job, "message", None)
    return Turn(
        **_facts(session),
        job_id=job.id,
        message_id=message.id if message else None,
        text=message.text if message else "",
        note="\n\n".join(filter(None, (restoring.note_for(job), moving.note_for(job)))),
        is_delivered=message is None or message.delivered_at is not None,
        is_cancelled=job.status == JobStatus.CANCELLED,
        result=ended.payload if ended else None,
    )


def images_of(message_id: uuid.UUID) -> list[tuple[str, bytes]]:
    """The images that go with a message, as media type and data."""
    rows = Attachment.objects.filter(message_id=message_id).order_by("position", "pk")
    return [(row.media_type, bytes(row.data)) for row in rows]


def _facts(session: AgentSession) -> dict[str, Any]:
    return {
        "session_id": session.id,
        "organization_id": session.organization_id,
        "project_id": session.project_id,
        "epoch": session.epoch,
        "is_practice": session.is_practice,
        "branch": session.branch,
        "base_commit": session.base_commit,
        "head_commit": session.head_commit,
        "is_dirty": session.git_status == GitStatus.DIRTY,
        "title": session.title,
        "model": session.model,
        "permission_mode": session.permission_mode,
        "rules": rules_of(session),
        "has_background": bool(session.background),
        "claude_session_id": session.claude_session_id,
        "agent_run": session.agent_run,
        "agent_offset": session.agent_offset,
        "agent_state": session.agent_state,
        "agent_options": session.agent_options,
    }

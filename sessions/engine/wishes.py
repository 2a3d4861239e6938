"""What people want of the agents that are served here: one look at the database for all of them."""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import structlog
from channels.db import database_sync_to_async as in_db
from django.db.models import Q

from sessions.engine.claims import Lease
from sessions.errors import StaleEpoch
from sessions.live.doorbell import Doorbell
from sessions.models import (
    AgentSession,
    Job,
    JobStatus,
    PermissionRequest,
    PermissionRule,
    PermissionStatus,
    SessionStatus,
)

logger = structlog.get_logger(__name__)

WISH_S = 1.0  # how often the database is asked, besides the doorbell
GIVEN = (PermissionStatus.ALLOWED, PermissionStatus.DENIED)
NOBODY = uuid.UUID(int=0)


@dataclass(frozen=True)
class Answer:
    """A person's answer that the agent has not got yet."""

    id: uuid.UUID
    request_id: str
    is_allowed: bool
    input: dict[str, Any]
    suggestions: list[dict[str, Any]]
    answer: dict[str, Any]


@dataclass(frozen=True)
class Wants:
    """What people want of a running agent."""

    answers: list[Answer]
    has_pending: bool  # it waits for an answer
    is_shown_waiting: bool
    is_interrupted: bool
    is_cancelled: bool
    model: str
    permission_mode: str
    rules: list[str]
    options: dict[str, Any]  # what the process is known to have

    @property
    def is_due(self) -> bool:
        """Whether there is something to tell the agent, or to show of it."""
        is_told = bool(self.answers) or self.is_interrupted or self.is_cancelled
        return is_told or self.has_pending != self.is_shown_waiting or self._has_other_options

    @property
    def _has_other_options(self) -> bool:
        wanted = {"model": self.model, "permission_mode": self.permission_mode}
        known = self.options.get("rules")
        has_new_rules = isinstance(known, list) and not set(self.rules) <= set(known)
        return has_new_rules or any(self.options.get(name, value) != value for name, value in wanted.items())


def wants(lease: Lease) -> Wants:
    """What people want of the agent now.

    Raises: StaleEpoch (another worker has taken over, or the session is gone).
    """
    (found,) = wants_of([lease])
    if found is None:
        raise StaleEpoch
    return found


def wants_of(leases: Sequence[Lease]) -> list[Wants | None]:
    """The same for many, in as many queries; None where a lease is stale."""
    rows = _Rows.of(leases)
    return [rows.wants(lease) for lease in leases]


@dataclass(frozen=True)
class _Rows:
    """What the database has of some leases."""

    sessions: dict[uuid.UUID, AgentSession]
    jobs: dict[uuid.UUID, Job]  # that run, and that wait and are urgent
    requests: list[PermissionRequest]  # that wait for an answer, or whose answer waits for the agent
    rules: list[PermissionRule]

    @classmethod
    def of(cls, leases: Sequence[Lease]) -> _Rows:
        ids, job_ids = [lease.session_id for lease in leases], [lease.job_id for lease in leases if lease.job_id]
        sessions = AgentSession.objects.defer("live", "agent_state", "commands").in_bulk(ids)
        urgent = Q(session_id__in=ids, status=JobStatus.PENDING, is_urgent=True, admitted_at__isnull=False)
        jobs = Job.objects.filter(urgent | Q(pk__in=job_ids))
        is_open = Q(status=PermissionStatus.PENDING) | Q(status__in=GIVEN, delivered_at=None)
        requests = PermissionRequest.objects.filter(is_open, session_id__in=ids).order_by("answered_at")
        projects = {session.project_id for session in sessions.values()}
        owners = Q(session_id__in=ids) | Q(session=None)
        rules = PermissionRule.objects.filter(owners, project_id__in=projects)
        return cls(sessions, {job.id: job for job in jobs}, list(requests), list(rules))

    def wants(self, lease: Lease) -> Wants | None:
        session, job = self.sessions.get(lease.session_id), self.jobs.get(lease.job_id or NOBODY)
        if session is None or session.epoch != lease.epoch or (job is None and lease.job_id is not None):
            return None
        requests = [request for request in self.requests if request.session_id == session.id]
        return Wants(
            answers=[_answer(request) for request in requests if request.status in GIVEN],
            has_pending=any(request.status == PermissionStatus.PENDING for request in requests),
            is_shown_waiting=session.status == SessionStatus.WAITING_INPUT,
            is_interrupted=job is not None and (job.interrupt_requested_at is not None or self._is_overtaken(job)),
            is_cancelled=job is not None and (job.cancel_requested_at is not None or job.status == JobStatus.CANCELLED),
            model=session.model,
            permission_mode=session.permission_mode,
            rules=sorted({rule.rule for rule in self.rules if _holds(rule, session)}),
            options=session.agent_options,
        )

    def _is_overtaken(self, running: Job) -> bool:
        """Whether an urgent message waits for this turn to end; urgent ones wait for each other, one by one."""
        urgent = [job for job in self.jobs.values() if job.is_urgent and job.status == JobStatus.PENDING]
        waits = any(job.session_id == running.session_id and job.admitted_at is not None for job in urgent)
        return waits and not running.is_urgent


def _answer(row: PermissionRequest) -> Answer:
    is_allowed = row.status == PermissionStatus.ALLOWED
    return Answer(row.id, row.request_id, is_allowed, row.input, row.suggestions, row.answer or {})


def _holds(rule: PermissionRule, session: AgentSession) -> bool:
    return rule.project_id == session.project_id and rule.session_id in (None, session.id)


class Wishes:
    """The agents that are served in one event loop, and the task that looks for all of them."""

    def __init__(self) -> None:
        self._served: dict[Doorbell, Lease] = {}
        self._task: asyncio.Task[None] | None = None

    @contextlib.asynccontextmanager
    async def served(self, lease: Lease, bell: Doorbell) -> AsyncIterator[None]:
        """For the length of the block its bell rings whenever something is wanted, also when no ring came through."""
        self._served[bell] = lease
        if self._task is None:
            self._task = asyncio.create_task(self._keep_looking())
        try:
            yield
        finally:
            del self._served[bell]
            if not self._served and (task := self._task):
                self._task = None
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)

    async def _keep_looking(self) -> None:
        while True:
            await asyncio.sleep(WISH_S)
            for bell in await self._due():
                bell.ring({"type": "session.control"})

    async def _due(self) -> list[Doorbell]:
        """Whose lease is stale finds out by itself; while the database is away, everybody does."""
        served = dict(self._served)
        try:
            found = await in_db(wants_of)(list(served.values()))
        except Exception as error:
            logger.warning("wishes_unknown", error=repr(error))
            return list(served)
        return [bell for bell, wanted in zip(served, found, strict=True) if wanted is None or wanted.is_due]


_wishes: WeakKeyDictionary[asyncio.AbstractEventLoop, Wishes] = WeakKeyDictionary()


def wishes() -> Wishes:
    """Those of the running loop."""
    loop = asyncio.get_running_loop()
    if loop not in _wishes:
        _wishes[loop] = Wishes()
    return _wishes[loop]

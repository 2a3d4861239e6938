"""The fair queue: which waiting turns may begin, so that no tenant's crowd delays another's first.

A *place* is a session with a turn that was admitted and is not over. Places that wait for a person's answer do not
count as work, only towards a wider bound of their tenant, so that forgotten questions keep nobody from working.
"""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import structlog
from django.conf import settings
from django.db import OperationalError, connection, transaction
from django.utils import timezone

logger = structlog.get_logger(__name__)

LOCK = 0x61646D74  # advisory lock id, "admt"
LOCK_TIMEOUT = "2s"
HELD_FACTOR = 5  # places a tenant may hold, waiting for people included, for each that may work
LONG_AGO = datetime.min.replace(tzinfo=UTC)

WAITS = "status = 'PENDING' and admitted_at is null"

PLACES = """
select distinct on (job.session_id) job.organization_id, job.asked_by, job.session_id,
       job.status = 'PROCESSING' and session.status = 'WAITING_INPUT'
from agent_sessions_job job join agent_sessions_agentsession session on session.id = job.session_id
where job.status in ('PENDING', 'PROCESSING') and (job.status = 'PROCESSING' or job.admitted_at is not null)
order by job.session_id, job.status desc, job.created_at
"""

# Hops from one user with waiting turns to the next along the index; how many turns each has does not matter.
LINES = f"""
with recursive line as (
  (select organization_id, asked_by from agent_sessions_job where {WAITS} order by 1, 2 limit 1)
  union all
  select next.* from line, lateral (
    select organization_id, asked_by from agent_sessions_job
    where {WAITS} and (organization_id, asked_by) > (line.organization_id, line.asked_by) order by 1, 2 limit 1) next
)
select line.organization_id, line.asked_by, organization.turn_limit, organization.user_turn_limit,
       (select max(admitted_at) from agent_sessions_job job where job.organization_id = line.organization_id),
       (select max(admitted_at) from agent_sessions_job job
        where job.organization_id = line.organization_id and job.asked_by = line.asked_by)
from line join accounts_organization organization on organization.id = line.organization_id
where organization.suspended_at is null
"""

# A session's turns keep their order: only the first that waits may begin, and an urgent one is before the others.
IS_FIRST = """
not exists (select 1 from agent_sessions_job before where before.session_id = job.session_id
            and before.status = 'PENDING' and before.admitted_at is null
            and (not before.is_urgent, before.created_at, before.id) < (not job.is_urgent, job.created_at, job.id))
"""

NEXT = f"""
select job.id, job.session_id from agent_sessions_job job
where {WAITS} and job.organization_id = %s and job.asked_by = %s and not job.session_id = any(%s) and {IS_FIRST}
order by job.created_at, job.id limit 1
"""

URGENT = f"""
select job.id, job.session_id from agent_sessions_job job
where {WAITS} and job.is_urgent and job.session_id = any(%s) order by job.created_at, job.id
"""

PLACES_IN_LINE = f"""
with first as (
  select job.id, job.session_id, job.organization_id, job.created_at, row_number() over (
    partition by job.organization_id, job.asked_by order by job.created_at, job.id) as nth
  from agent_sessions_job job where {WAITS} and not job.session_id = any(%s) and {IS_FIRST}
), ranked as (
  select *, row_number() over (partition by organization_id order by nth, created_at, id) as round from first
), line as (
  select id, session_id, row_number() over (order by round, created_at, id) as place from ranked
)
select id, place from line where session_id = any(%s)
"""

Owner = tuple[uuid.UUID, uuid.UUID]  # organisation and user


@dataclass
class Line:
    """The turns of one user in one organisation that wait, and how well off the two are."""

    owner: Owner
    limit: int
    user_limit: int
    served_at: datetime  # the organisation, the last time
    user_served_at: datetime


class Admission:
    """One round, under the lock: what is at work now, and who is next."""

    def __init__(self, now: datetime) -> None:
        self.now = now
        self.working: Counter[Any] = Counter()  # by organisation, and by organisation and user
        self.held: Counter[Any] = Counter()
        self.sessions: set[uuid.UUID] = set()
        for organization_id, user_id, session_id, is_waiting in _rows(PLACES):
            self._take(organization_id, (organization_id, user_id), session_id, is_waiting=is_waiting)
        self.at_work = sum(self.working[key] for key in self.working if not isinstance(key, tuple))
        self.admitted: list[tuple[uuid.UUID, uuid.UUID]] = []

    def _take(self, organization_id: uuid.UUID, owner: Owner, session_id: uuid.UUID, *, is_waiting: bool) -> None:
        self.sessions.add(session_id)
        self.held.update((organization_id, owner))
        if not is_waiting:
            self.working.update((organization_id, owner))

    def run(self) -> list[tuple[uuid.UUID, uuid.UUID]]:
        """Admit urgent turns of sessions that have their place, then others in fairness; their sessions and ids."""
        for job_id, session_id in _rows(URGENT, list(self.sessions)):
            self._admit(job_id, session_id)
        lines = self._lines() if self._has_room() else []
        while self._has_room() and (line := self._fairest(lines)):
            found = _rows(NEXT, *line.owner, list(self.sessions))
            if not found:
                lines.remove(line)
            elif self._admit(*found[0]):
                self._take(line.owner[0], line.owner, found[0][1], is_waiting=False)
                self.at_work += 1
                self._note_served(lines, line)
            else:
                self.sessions.add(found[0][1])  # somebody has just changed it, and rings again
        return self.admitted

    def _has_room(self) -> bool:
        return self.at_work < settings.RUNNING_TURNS

    def _lines(self) -> list[Line]:
        return [
            Line(
                owner=(organization_id, user_id),
                limit=settings.TURNS_PER_ORGANIZATION if limit is None else limit,
                user_limit=settings.TURNS_PER_USER if user_limit is None else user_limit,
                served_at=served_at or LONG_AGO,
                user_served_at=user_served_at or LONG_AGO,
            )
            for organization_id, user_id, limit, user_limit, served_at, user_served_at in _rows(LINES)
        ]

    def _fairest(self, lines: Iterable[Line]) -> Line | None:
        """Of those below their limits: the organisation with the least work, of equals the one served longest ago;
        within it the same of its users."""
        return min(filter(self._may_begin, lines), key=self._standing, default=None)

    def _may_begin(self, line: Line) -> bool:
        limits = ((line.owner[0], line.limit), (line.owner, line.user_limit))
        return all(self.working[who] < most and self.held[who] < most * HELD_FACTOR for who, most in limits)

    def _standing(self, line: Line) -> tuple[int, datetime, int, datetime]:
        return self.working[line.owner[0]], line.served_at, self.working[line.owner], line.user_served_at

    def _note_served(self, lines: Iterable[Line], served: Line) -> None:
        served.user_served_at = self.now
        for line in lines:
            if line.owner[0] == served.owner[0]:
                line.served_at = self.now

    def _admit(self, job_id: uuid.UUID, session_id: uuid.UUID) -> bool:
        """Whether the turn still waited; a person may have removed it meanwhile."""
        statement = f"update agent_sessions_job set admitted_at = %s where id = %s and {WAITS}"
        with connection.cursor() as cursor:
            cursor.execute(statement, [self.now, job_id])
            is_new = bool(cursor.rowcount == 1)
        if is_new:
            self.admitted.append((session_id, job_id))
        return is_new


def next_turns() -> list[tuple[uuid.UUID, uuid.UUID]]:
    """Admit as many turns as there is room for, in the caller's transaction; sessions and jobs.

    One admission at a time: the second would count the first one's as waiting still. None when it cannot have the
    lock soon, since then somebody admits.
    """
    with connection.cursor() as cursor:
        cursor.execute(f"set local lock_timeout = '{LOCK_TIMEOUT}'")
        try:
            with transaction.atomic():
                cursor.execute("select pg_advisory_xact_lock(%s)", [LOCK])
        except OperationalError as error:
            if getattr(error.__cause__, "sqlstate", "") != "55P03":  # lock_not_available
                raise
            logger.warning("admission_is_busy")
            return []
    return Admission(timezone.now()).run()


def places(session_ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, int]:
    """Places in the queue, from 1, of those turns of these sessions that wait for admission, by job.

    A turn behind another of its own session is not in the queue yet. Later turns of tenants who are better off may
    overtake, so it is how many would begin before if nothing else changed.
    """
    asked = list(session_ids)
    if not asked or not _rows(
        f"select 1 from agent_sessions_job where {WAITS} and session_id = any(%s) limit 1", asked
    ):
        return {}
    busy = [row[2] for row in _rows(PLACES)]
    return {job_id: int(place) for job_id, place in _rows(PLACES_IN_LINE, busy, asked)}


def _rows(statement: str, *parameters: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return list(cursor.fetchall())

"""Sandboxes that idle, or that have grown old: saved and put away; the next message makes another one.

One at work is given more time; then its session is stopped, which saves it too.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet

from environments import services as environments
from environments.models import Machine
from sessions import dispatch, log, services
from sessions.models import AgentSession, Job
from sessions.services import entries
from sessions.upkeep.unattended import unattended

logger = structlog.get_logger(__name__)

AT_ONCE = 100
BEFORE_END = timedelta(minutes=5)  # what the platform itself ends is saved before
PATIENCE = 1.25  # times its greatest age, for one that is at work
AGAIN_AFTER = timedelta(hours=1)  # where the work could not be saved


def put_away(*, now: datetime) -> int:
    """Queue the end of sandboxes that idle or are old, behind whatever is queued for their sessions; how many."""
    found = [*_idle(now), *(session for session in unattended(_live(now)) if _is_old(session.machine, now))]
    ids = list(dict.fromkeys(session.pk for session in found))[:AT_ONCE]
    for session_id in ids:
        dispatch.defer_put_away(session_id)
    return len(ids)


def stop_old(*, now: datetime) -> int:
    """Stop sessions that are still at work in a sandbox which should have ended long ago; how many."""
    stopped = 0
    for session in _live(now).filter(Exists(Job.objects.filter(session=OuterRef("pk"), status="PROCESSING"))):
        if _is_old(session.machine, now, PATIENCE):
            logger.warning("sandbox_too_old", session_id=str(session.pk))
            with transaction.atomic():
                row = services.stop_session(session=session, now=now)
                log.append(row, [entries.notice("warning", _too_old())], now=now)
            stopped += 1
    return stopped


def _too_old() -> str:
    hours = f"{settings.SANDBOX_MAX_AGE_S / 3600:.3g}"
    return (
        f"The sandbox reached its maximum age of {hours} h, so the session was stopped. The files are kept. "
        "Send a message to go on in a new one."
    )


def is_due(session: AgentSession, now: datetime) -> bool:
    """Whether the session's sandbox is to be put away; asked again when nothing else can begin."""
    row = _live(now).filter(pk=session.pk).first()
    return row is not None and (_has_idled(row, now) or _is_old(row.machine, now))


def _live(now: datetime) -> QuerySet[AgentSession]:
    rows = AgentSession.objects.filter(machine__status__in=environments.LIVE, background=[])
    rows = rows.exclude(stop_refused_at__gt=now - AGAIN_AFTER)
    return rows.select_related("machine__environment").order_by("machine__started_at")


def _idle(now: datetime) -> QuerySet[AgentSession]:
    if not settings.SANDBOX_IDLE_S:
        return AgentSession.objects.none()
    since = now - timedelta(seconds=settings.SANDBOX_IDLE_S)
    worked = Job.objects.filter(session=OuterRef("pk"), finished_at__gt=since)
    return unattended(_live(now).filter(~Exists(worked), machine__started_at__lt=since))


def _has_idled(session: AgentSession, now: datetime) -> bool:
    """The same of one, although its own task is at it."""
    if not settings.SANDBOX_IDLE_S or session.machine is None or session.machine.started_at is None:
        return False
    since = now - timedelta(seconds=settings.SANDBOX_IDLE_S)
    return session.machine.started_at < since and not session.jobs.filter(finished_at__gt=since).exists()


def _is_old(machine: Machine | None, now: datetime, times: float = 1.0) -> bool:
    if machine is None or machine.started_at is None:
        return False
    age = now - machine.started_at
    ended_by_platform = machine.environment.config.get("lifetime_s")
    if isinstance(ended_by_platform, int) and times == 1.0 and age > timedelta(seconds=ended_by_platform) - BEFORE_END:
        return True
    greatest = settings.SANDBOX_MAX_AGE_S
    return bool(greatest) and age > timedelta(seconds=greatest * times)

"""Agents that have had nothing to do for long are asked to leave; the next message brings them back."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from channels.db import database_sync_to_async as in_db
from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from environments import services as environments
from gateway import services as gateway
from sandbox import Phase
from sandbox.errors import SandboxError
from sessions import dispatch
from sessions.engine import machines
from sessions.engine.leaving import leave
from sessions.models import AgentSession, Job
from sessions.upkeep.unattended import NOT_OVER, unattended

logger = structlog.get_logger(__name__)

AT_ONCE = 100  # sessions in one look


@dataclass(frozen=True)
class Resting:
    """An agent that is to leave, as it was when that was decided."""

    session_id: uuid.UUID
    epoch: int
    run: str


def send_to_rest(*, now: datetime) -> int:
    """Queue the end of agents that were idle for too long, behind whatever is queued for their sessions; how many."""
    found = list(unattended(_idle(now)).order_by("idle_since").values_list("pk", flat=True)[:AT_ONCE])
    for session_id in found:
        dispatch.defer_rest(session_id)
    return len(found)


async def rest(session_id: uuid.UUID) -> None:
    """End the session's agent, if it is still idle; the task holds the session's lock, so no turn begins meanwhile.

    The conversation stays in the sandbox, where a new process takes it up. Harmless when repeated.
    """
    resting = await in_db(_resting)(session_id, timezone.now())
    if resting is None:
        return
    place = await in_db(machines.place_of)(session_id)
    try:
        sandbox = await machines.attached(place)
        if sandbox is None or await sandbox.poll() != Phase.RUNNING:
            return
        await leave(sandbox.guest, resting.run, name="end-idle")
    except SandboxError as error:
        logger.info("agent_not_sent_to_rest", session_id=str(session_id), error=str(error))
        return
    await in_db(_rested)(resting)
    logger.info("agent_rests", session_id=str(session_id))


def _idle(now: datetime) -> QuerySet[AgentSession]:
    if not settings.AGENT_IDLE_S:
        return AgentSession.objects.none()
    since = now - timedelta(seconds=settings.AGENT_IDLE_S)
    return AgentSession.objects.filter(
        idle_since__lte=since, background=[], machine__status__in=environments.LIVE
    ).exclude(agent_run="")


def _resting(session_id: uuid.UUID, now: datetime) -> Resting | None:
    session = _idle(now).filter(pk=session_id).first()
    if session is None or Job.objects.filter(session=session, status__in=NOT_OVER).exists():
        return None
    return Resting(session.pk, session.epoch, session.agent_run)


@transaction.atomic
def _rested(resting: Resting) -> None:
    """The token goes with the process that held it, unless a turn has begun with a new one."""
    rows = AgentSession.objects.select_for_update().filter(pk=resting.session_id, epoch=resting.epoch)
    if rows.exists():
        rows.update(idle_since=None)
        gateway.revoke_tokens(subject_id=resting.session_id, now=timezone.now())

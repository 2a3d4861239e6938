"""A session taken to another environment; the task holds the session's lock, so no turn runs.

Saved, stopped, named anew: whichever step a worker dies at, the next one begins again at the first and finds done what
was done. In the new environment a sandbox is made when it is needed.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any

import structlog
from channels.db import database_sync_to_async as in_db
from django.db import transaction
from django.utils import timezone
from uuid_utils.compat import uuid7

from environments.models import Machine, MachineStatus
from gateway import services as gateway
from runtime.failpoints import failpoint
from sandbox import Phase
from sessions import dispatch, log
from sessions.engine import claims, homes, machines, turns
from sessions.engine.claims import Lease
from sessions.engine.rest import put_to_rest
from sessions.engine.saving import FAILURES, save
from sessions.errors import StaleEpoch
from sessions.events import Entry
from sessions.models import AgentSession, Move, RestorationStatus
from sessions.services import entries
from sessions.services.permissions import withdraw
from sessions.storable import clean

logger = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Work:
    """One move under way, with the session's lease."""

    lease: Lease
    move: Move


async def move(session_id: uuid.UUID) -> None:
    """Do what was asked for. Harmless when repeated."""
    work = await in_db(_claim)(session_id)
    if work is not None:
        try:
            await _leave(work)
            await in_db(_done)(work)
            failpoint("move.done")
        except StaleEpoch:
            logger.info("move_overtaken", session_id=str(session_id))
            return
        except FAILURES as error:
            logger.warning("move_failed", session_id=str(session_id), error=str(error))
            await in_db(_failed)(work, str(error))
    await _clear_left(session_id)
    await in_db(dispatch.admit)()


async def _clear_left(session_id: uuid.UUID) -> None:
    """Remove what the session has left where it is not any more."""
    home_id = await in_db(_home_of)(session_id)
    if home_id is not None:
        await homes.clear(session_id, but=home_id)


async def _leave(work: Work) -> None:
    """Save what is in the old environment's sandbox, and end it.

    One that was lost is made again on the files it left, since they may be newer than what was saved last.
    """
    session_id = work.lease.session_id
    place = await in_db(machines.place_of)(session_id)
    sandbox = await machines.attached(place)
    is_lost = sandbox is not None and await sandbox.poll() in (Phase.STOPPED, Phase.GONE)
    if is_lost or await in_db(_was_lost)(session_id):
        sandbox = await machines.ensure_sandbox(work.lease)
        place = await in_db(machines.place_of)(session_id)
    if sandbox is None or place.machine is None:
        return
    await save(session_id, sandbox)
    failpoint("move.saved")
    await machines.stop_sandbox(sandbox, place.machine)
    failpoint("move.stopped")


def _was_lost(session_id: uuid.UUID) -> bool:
    """Whether the last sandbox in the session's home ended without having been saved."""
    session = AgentSession.objects.filter(pk=session_id).first()
    if session is None or session.environment_id is None:
        return False
    here = Machine.objects.filter(subject_id=session_id, environment_id=session.environment_id, cleared_at=None)
    last = here.filter(home_id=session.home_id or session_id).order_by("pk").last()
    return last is not None and last.status == MachineStatus.LOST and last.handle != {}


@transaction.atomic
def _claim(session_id: uuid.UUID) -> Work | None:
    session = AgentSession.objects.select_for_update().filter(pk=session_id).first()
    pending = Move.objects.filter(session_id=session_id, status=RestorationStatus.PENDING)
    asked = pending.select_related("environment", "requested_by").first()
    return None if session is None or asked is None else Work(claims.hold(session), asked)


@transaction.atomic
def _done(work: Work) -> None:
    """From now on the session is in the new environment, in a home of its own there."""
    session, now, to = turns.locked_session(work.lease), timezone.now(), work.move.environment
    before = session.environment
    gateway.revoke_tokens(subject_id=session.pk, now=now)
    told = [*withdraw(session, reason="The session was moved.", now=now), *put_to_rest(session)]
    AgentSession.objects.filter(pk=session.pk).update(
        environment=to, home_id=uuid7(), machine=None, idle_since=None, stop_refused_at=None, updated_at=now
    )
    Move.objects.filter(pk=work.move.pk).update(status=RestorationStatus.DONE, finished_at=now)
    changed = entries.session_changed(environment_id=str(to.pk), environment_name=to.name)
    log.append(session, [*told, _told(work, before.name if before else ""), changed], now=now)


@transaction.atomic
def _failed(work: Work, reason: str) -> None:
    """The session stays where it is, with what it has there."""
    session, now = turns.locked_session(work.lease), timezone.now()
    Move.objects.filter(pk=work.move.pk).update(status=RestorationStatus.FAILED, finished_at=now)
    error = str(clean(f"The session could not be moved: {reason}"))[:1000]
    before = session.environment
    log.append(session, [_told(work, before.name if before else "", error)], now=now)


def _told(work: Work, before: str, error: str = "") -> Entry:
    payload: dict[str, Any] = {
        "move_id": str(work.move.pk),
        "by": entries.shown_user(work.move.requested_by),
        "from": before,
        "to": work.move.environment.name,
        "error": error,
    }
    return Entry("session.moved", payload)


def _home_of(session_id: uuid.UUID) -> uuid.UUID | None:
    session = AgentSession.objects.filter(pk=session_id).first()
    return None if session is None else session.home_id or session.pk

"""Noticing that a sandbox, or an agent that had nothing to do, has died while nobody was talking to it."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Iterable
from datetime import datetime, timedelta

import structlog
from channels.db import database_sync_to_async as in_db
from django.db import transaction
from django.utils import timezone

from environments import services as environments
from environments.models import MachineStatus
from gateway import services as gateway
from sandbox import Phase, Sandbox, find_sandbox
from sandbox.answers import AgentStatus
from sandbox.errors import SandboxError
from sessions import log
from sessions.engine import causes, machines
from sessions.engine.machines import Place
from sessions.engine.rest import put_to_rest, tell_exit
from sessions.events import Entry
from sessions.models import AgentSession, JobStatus, SessionStatus
from sessions.services import entries
from sessions.services.permissions import withdraw
from sessions.storable import clean
from sessions.upkeep.unattended import unattended, without_tasks

logger = structlog.get_logger(__name__)

AT_ONCE = 16  # sandboxes that are looked at side by side
ANSWER_S = 5.0
LOOK_S = 8.0  # more than a sandbox needs to say how it is
MADE_WITHIN = timedelta(seconds=30)  # a machine that is being made for longer, with nobody at it, is not being made


async def notice() -> int:
    """Look at every sandbox that is thought to live, and at agents that wait for work; how many were found dead."""
    rounds: dict[uuid.UUID | None, Round] = {}
    looks = []
    for session, place in await in_db(places)():
        key = None if place.environment is None else place.environment.pk
        looks.append(_look(session, place, rounds.setdefault(key, Round())))
    return sum(await asyncio.gather(*looks))


class Round:
    """One look at the sandboxes of one environment: when it cannot be reached, the rest is not tried."""

    def __init__(self) -> None:
        self.gate = asyncio.Semaphore(AT_ONCE)
        self.is_unreachable = False


def places() -> list[tuple[AgentSession, Place]]:
    """Every session with a machine that lives, as far as we know, and where it is."""
    sessions = AgentSession.with_deleted.filter(machine__status__in=environments.LIVE)
    rows = list(sessions.select_related("environment", "machine__environment"))
    return list(zip(rows, machines.places_at(rows), strict=True))


async def _look(session: AgentSession, place: Place, round: Round) -> bool:
    async with round.gate:
        if round.is_unreachable:
            return False
        try:
            async with asyncio.timeout(LOOK_S):
                return await _look_at(session, place)
        except TimeoutError:
            round.is_unreachable = True
        except SandboxError as error:
            logger.info("sandbox_not_seen", session_id=str(session.pk), error=str(error))
        return False


async def _look_at(session: AgentSession, place: Place) -> bool:
    if place.machine is not None and place.machine.status == MachineStatus.CREATING:
        return await _look_at_unmade(session, place)
    sandbox = await machines.attached(place)
    if sandbox is None:
        return bool(await in_db(_lost)(session, "The sandbox cannot be found again."))
    phase = await sandbox.glance()
    if phase in (Phase.STOPPED, Phase.GONE):
        return bool(await in_db(_lost)(session, await sandbox.cause()))
    return phase == Phase.RUNNING and await _look_at_agent(session, sandbox)


async def _look_at_unmade(session: AgentSession, place: Place) -> bool:
    """A machine over whose making the server died: taken over when it is there, else given up."""
    machine = place.machine
    if machine is None or not await in_db(_is_left_alone)(session, timezone.now() - MADE_WITHIN):
        return False
    sandbox = await find_sandbox(place.spec(machine))
    if sandbox is None:
        return bool(await in_db(_lost)(session, "The server stopped while the sandbox was being made."))
    now = timezone.now()
    await in_db(environments.machine_started)(machine_id=machine.id, handle=sandbox.handle, now=now)
    logger.warning("sandbox_adopted", session_id=str(session.pk), machine_id=str(machine.id))
    return False


def _is_left_alone(session: AgentSession, before: datetime) -> bool:
    mine = AgentSession.with_deleted.filter(pk=session.pk, machine__created_at__lt=before)
    return without_tasks(mine).exists()


async def _look_at_agent(session: AgentSession, sandbox: Sandbox) -> bool:
    if session.idle_since is None or not session.agent_run:
        return False
    try:
        async with asyncio.timeout(ANSWER_S):
            status = await sandbox.guest.agent_status(session.agent_run)
    except TimeoutError:
        return False  # one that is frozen says nothing of its environment
    if status.is_alive:
        return False
    return bool(await in_db(_agent_died)(session, status))


@transaction.atomic
def _lost(seen: AgentSession, cause: str) -> bool:
    """The sandbox has ended. Where a turn runs, that is told by its runner; a session at rest says it here."""
    now = timezone.now()
    session = AgentSession.with_deleted.select_for_update().get(pk=seen.pk)
    if session.machine_id != seen.machine_id or seen.machine_id is None:
        return False
    if not environments.machine_ended(machine_id=seen.machine_id, status=MachineStatus.LOST, reason=cause, now=now):
        return False
    logger.warning("sandbox_lost", session_id=str(session.pk), machine_id=str(seen.machine_id), cause=cause)
    if session.deleted_at is not None or not unattended(AgentSession.objects.filter(pk=session.pk)).exists():
        return True
    gateway.revoke_tokens(subject_id=session.pk, now=now)
    session.machine = None
    told = [*put_to_rest(session), *withdraw(session, reason=cause, now=now)]
    _show(session, SessionStatus.STOPPED, f"{cause} {causes.KEPT}", told)
    return True


@transaction.atomic
def _agent_died(seen: AgentSession, status: AgentStatus) -> bool:
    """An agent that had nothing to do has ended by itself; one that was ended for a cancelled turn is no news."""
    session = AgentSession.objects.select_for_update().filter(pk=seen.pk, epoch=seen.epoch).first()
    if session is None or session.idle_since is None or session.agent_run != seen.agent_run:
        return False
    last = session.jobs.order_by("-created_at", "-pk").first()
    is_known = session.status != SessionStatus.COMPLETED or last is None or last.status == JobStatus.CANCELLED
    if is_known or not unattended(AgentSession.objects.filter(pk=session.pk)).exists():
        AgentSession.objects.filter(pk=session.pk, epoch=seen.epoch).update(idle_since=None)
        return False
    logger.warning("idle_agent_died", session_id=str(session.pk), exit_code=status.exit_code, signal=status.signal)
    told = tell_exit(session, status)
    told += [*put_to_rest(session), *withdraw(session, reason="The agent ended.", now=timezone.now())]
    _show(session, SessionStatus.ERROR, causes.agent_failed(status), told)
    return True


def _show(session: AgentSession, status: SessionStatus, reason: str, before: Iterable[Entry]) -> None:
    """The new state, under a new lease: whoever still held the old one writes no more."""
    session.status, session.status_reason = status, str(clean(reason))[:1000]
    session.idle_since, session.live = None, {}
    session.epoch += 1
    fields = ["status", "status_reason", "idle_since", "live", "epoch", "machine", "updated_at"]
    session.save(update_fields=fields)
    log.append(session, [*before, entries.session_status(session)], now=timezone.now())

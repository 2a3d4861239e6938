"""Stopping a session, and clearing up after a deleted one."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import structlog
from channels.db import database_sync_to_async as in_db
from django.db import transaction
from django.utils import timezone

from environments import specs
from environments.models import MachineStatus
from gateway import services as gateway
from sandbox import Sandbox, find_sandbox
from sandbox.folders import remove_tree
from sessions import log
from sessions.engine import causes, claims, homes, machines
from sessions.engine.rest import put_to_rest
from sessions.engine.saving import FAILURES, save
from sessions.models import AgentSession, SessionStatus
from sessions.services import entries
from sessions.services.permissions import withdraw
from sessions.storable import clean

logger = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Stop:
    """A stop under way: the session as it was when it began."""

    session_id: uuid.UUID
    epoch: int
    place: machines.Place
    is_forced: bool


async def stop_session(session_id: uuid.UUID, *, is_forced: bool = False) -> None:
    """Save what is in the sandbox, end it and make its token worthless; harmless when repeated.

    What cannot be saved is not thrown away: the session says so and goes on, unless it is forced. Then it ends, what
    may be lost is said, and a sandbox that cannot be reached is given up: whoever looks for orphans ends it later.
    """
    stop = await in_db(_begun)(session_id, is_forced)
    if stop is None:
        return
    sandbox = await _there(stop)
    if sandbox is None:
        await in_db(_stopped)(stop)
        return
    unsaved, reason = "", ""
    try:
        if not await save(session_id, sandbox):
            reason = f"{await machines.lost(sandbox, stop.place)} {causes.KEPT}"
    except FAILURES as error:
        logger.warning("work_not_saved", session_id=str(session_id), error=str(error), is_forced=is_forced)
        if not is_forced:
            await in_db(_refused)(stop, f"{causes.NOT_SAVED} {error}")
            return
        unsaved = str(error)
    if await _end(stop, sandbox):
        await in_db(_stopped)(stop, unsaved=unsaved, reason=reason)


async def _there(stop: Stop) -> Sandbox | None:
    """The session's sandbox, or the one over whose making a worker died.

    One that cannot even be looked for, as when its environment lacks a secret by now, is none.
    """
    machine = stop.place.machine
    if machine is None:
        return None
    try:
        if machine.status == MachineStatus.CREATING:
            return await find_sandbox(stop.place.spec(machine))
        return await machines.attached(stop.place)
    except FAILURES as error:
        await machines.give_up(machine, str(error))
        return None


async def _end(stop: Stop, sandbox: Sandbox) -> bool:
    """Whether the session has none any more."""
    machine = stop.place.machine
    assert machine is not None
    try:
        await machines.stop_sandbox(sandbox, machine)
    except FAILURES as error:
        if not stop.is_forced:
            await in_db(_refused)(stop, f"{causes.NOT_ENDED} {error}")
            return False
        await machines.give_up(machine, str(error))
    return True


async def put_away(session_id: uuid.UUID, *, is_due: Callable[[AgentSession, datetime], bool]) -> None:
    """End the sandbox of a session that rests, if that is still due; its work is saved first, else it stays."""
    place = await in_db(_place_to_leave)(session_id, is_due)
    if place is None or place.machine is None:
        return
    try:
        sandbox = await machines.attached(place)
        if sandbox is None:
            return
        if not await save(session_id, sandbox):
            return  # it has ended by itself, which is told by whoever looks for deaths
        await machines.stop_sandbox(sandbox, place.machine)
    except FAILURES as error:
        logger.warning("not_put_away", session_id=str(session_id), error=str(error))
        await AgentSession.objects.filter(pk=session_id).aupdate(stop_refused_at=timezone.now())
        return
    await in_db(_left)(session_id, place.machine.pk)
    logger.info("sandbox_put_away", session_id=str(session_id))


def _place_to_leave(session_id: uuid.UUID, is_due: Callable[[AgentSession, datetime], bool]) -> machines.Place | None:
    session = AgentSession.objects.filter(pk=session_id).first()
    if session is None or claims.is_due(session_id) or not is_due(session, timezone.now()):
        return None
    return machines.place_of(session_id)


@transaction.atomic
def _left(session_id: uuid.UUID, machine_id: uuid.UUID) -> None:
    """The session rests as before, without a sandbox: the next message makes another one."""
    now = timezone.now()
    session = AgentSession.objects.select_for_update().filter(pk=session_id, machine_id=machine_id).first()
    if session is None:
        return
    gateway.revoke_tokens(subject_id=session_id, now=now)
    log.append(session, put_to_rest(session), now=now)
    AgentSession.objects.filter(pk=session_id).update(machine=None, idle_since=None, epoch=session.epoch + 1)


def _begun(session_id: uuid.UUID, is_forced: bool) -> Stop | None:
    """The epoch is read before the place: what changes in between is seen as a change."""
    epoch = AgentSession.with_deleted.filter(pk=session_id).values_list("epoch", flat=True).first()
    return None if epoch is None else Stop(session_id, epoch, machines.place_of(session_id), is_forced)


def _locked(stop: Stop) -> AgentSession | None:
    """None when somebody has taken over from a worker that was taken for dead: the state is theirs to tell."""
    rows = AgentSession.with_deleted.select_for_update()
    session = rows.filter(pk=stop.session_id, epoch=stop.epoch).first()
    if session is None:
        logger.info("stop_overtaken", session_id=str(stop.session_id))
    return session


@transaction.atomic
def _refused(stop: Stop, reason: str) -> None:
    """The session has a sandbox still, with what could not be saved."""
    now = timezone.now()
    session = _locked(stop)
    if session is None:
        return
    session.status, session.stop_refused_at = SessionStatus.ERROR, now
    session.status_reason = str(clean(reason))[:1000]
    session.save(update_fields=["status", "status_reason", "stop_refused_at", "updated_at"])
    log.append(session, [entries.stop_refused(session), entries.session_status(session)], now=now)


@transaction.atomic
def _stopped(stop: Stop, *, unsaved: str = "", reason: str = "") -> None:
    """`unsaved` says why the work could not be saved, `reason` how the sandbox had ended by itself."""
    now = timezone.now()
    session = _locked(stop)
    if session is None:
        return
    gateway.revoke_tokens(subject_id=session.pk, now=now)
    new = [*withdraw(session, reason="The session was stopped.", now=now), *put_to_rest(session)]
    if unsaved:
        new.append(entries.notice("warning", str(clean(causes.unsaved(unsaved)))[:1000]))
    if session.status != SessionStatus.STOPPED:
        session.status, session.status_reason = SessionStatus.STOPPED, str(clean(reason))[:1000]
        session.stop_refused_at, session.machine, session.live = None, None, {}
        session.epoch += 1
        fields = ["status", "status_reason", "stop_refused_at", "machine", "live", "epoch", "updated_at"]
        session.save(update_fields=fields)
        new.append(entries.session_status(session))
    elif session.machine_id is not None:
        AgentSession.with_deleted.filter(pk=session.pk).update(machine=None)  # as one of a restoration that failed
    log.append(session, new, now=now)


async def cleanup_session(session_id: uuid.UUID) -> None:
    """End a deleted session's sandbox and remove its files, wherever they are; its checkpoints stay in the vault.

    Nothing for one that lives: it was given back meanwhile.
    """
    if await in_db(AgentSession.objects.filter(pk=session_id).exists)():
        return
    await stop_session(session_id, is_forced=True)
    await homes.clear(session_id)
    folder = specs.home_folder(await in_db(_home_of)(session_id))
    await homes.end_in(folder)
    await asyncio.to_thread(remove_tree, folder)


def _home_of(session_id: uuid.UUID) -> uuid.UUID:
    home_id = AgentSession.with_deleted.filter(pk=session_id).values_list("home_id", flat=True).first()
    return home_id or session_id

"""Stopping a session, and clearing up after a deleted one."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable
from datetime import datetime

import structlog
from channels.db import database_sync_to_async as in_db
from django.db import transaction
from django.utils import timezone

from environments import specs
from gateway import services as gateway
from sandbox.folders import remove_tree
from sessions import log
from sessions.engine import causes, claims, homes, machines
from sessions.engine.rest import put_to_rest
from sessions.engine.saving import FAILURES, save
from sessions.events import Entry
from sessions.models import AgentSession, SessionStatus
from sessions.services import entries
from sessions.services.permissions import withdraw
from sessions.storable import clean

logger = structlog.get_logger(__name__)


async def stop_session(session_id: uuid.UUID, *, is_forced: bool = False) -> None:
    """Save what is in the sandbox, end it and make its token worthless; harmless when repeated.

    What cannot be saved is not thrown away: the session says so and goes on, unless it is forced.
    """
    if not await in_db(AgentSession.with_deleted.filter(pk=session_id).exists)():
        return
    place = await in_db(machines.place_of)(session_id)
    sandbox = await machines.attached(place)
    if sandbox is not None and place.machine is not None:
        try:
            await save(session_id, sandbox)
        except FAILURES as error:
            logger.warning("work_not_saved", session_id=str(session_id), error=str(error), is_forced=is_forced)
            if not is_forced:
                await in_db(_refused)(session_id, str(error))
                return
        await machines.stop_sandbox(sandbox, place.machine)
    await in_db(_stopped)(session_id)


async def put_away(session_id: uuid.UUID, *, is_due: Callable[[AgentSession, datetime], bool]) -> None:
    """End the sandbox of a session that rests, if that is still due; its work is saved first, else it stays."""
    place = await in_db(_place_to_leave)(session_id, is_due)
    sandbox = None if place is None else await machines.attached(place)
    if place is None or place.machine is None or sandbox is None:
        return
    try:
        await save(session_id, sandbox)
    except FAILURES as error:
        logger.warning("not_put_away", session_id=str(session_id), error=str(error))
        await AgentSession.objects.filter(pk=session_id).aupdate(stop_refused_at=timezone.now())
        return
    await machines.stop_sandbox(sandbox, place.machine)
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


@transaction.atomic
def _refused(session_id: uuid.UUID, error: str) -> None:
    """The session has a sandbox still, with what could not be saved."""
    now = timezone.now()
    session = AgentSession.with_deleted.select_for_update().get(pk=session_id)
    session.status, session.stop_refused_at = SessionStatus.ERROR, now
    session.status_reason = str(clean(f"{causes.NOT_SAVED} {error}"))[:1000]
    session.save(update_fields=["status", "status_reason", "stop_refused_at", "updated_at"])
    log.append(session, [entries.stop_refused(session), entries.session_status(session)], now=now)


@transaction.atomic
def _stopped(session_id: uuid.UUID) -> None:
    now = timezone.now()
    gateway.revoke_tokens(subject_id=session_id, now=now)
    session = AgentSession.with_deleted.select_for_update().get(pk=session_id)
    new = [*withdraw(session, reason="The session was stopped.", now=now), *put_to_rest(session)]
    if session.status != SessionStatus.STOPPED:
        AgentSession.with_deleted.filter(pk=session_id).update(
            status=SessionStatus.STOPPED,
            status_reason="",
            stop_refused_at=None,
            machine=None,
            live={},
            epoch=session.epoch + 1,
        )
        payload = {"status": SessionStatus.STOPPED, "reason": "", "git_status": session.git_status}
        new.append(Entry("session.status", payload))
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

"""Stopping a session, and clearing up after a deleted one."""

from __future__ import annotations

import asyncio
import uuid

import structlog
from channels.db import database_sync_to_async as in_db
from django.db import transaction
from django.utils import timezone

from accounts.errors import DomainError
from environments import specs
from gateway import services as gateway
from sandbox import Phase, Sandbox
from sandbox.errors import SandboxError
from sandbox.folders import remove_tree
from sessions import log
from sessions.engine import homes, machines
from sessions.engine.rest import put_to_rest
from sessions.events import Entry
from sessions.models import AgentSession, GitStatus, SessionStatus
from sessions.services.permissions import withdraw

logger = structlog.get_logger(__name__)


async def stop_session(session_id: uuid.UUID) -> None:
    """Save the working tree, end the sandbox and make its token worthless; harmless when repeated."""
    if not await in_db(AgentSession.with_deleted.filter(pk=session_id).exists)():
        return
    place = await in_db(machines.place_of)(session_id)
    sandbox = await machines.attached(place)
    if sandbox is not None and place.machine is not None:
        if await sandbox.poll() == Phase.RUNNING:
            await _save(session_id, sandbox)
        await machines.stop_sandbox(sandbox, place.machine)
    await in_db(_stopped)(session_id)


async def _save(session_id: uuid.UUID, sandbox: Sandbox) -> None:
    """Bring the working tree into the vault, if it can be done."""
    session = await in_db(AgentSession.with_deleted.get)(pk=session_id)
    try:
        commit, is_dirty = await machines.snapshot_to_vault(
            sandbox,
            project_id=session.project_id,
            ref=f"refs/sessions/{session_id}/{uuid.uuid5(session_id, f'stop {session.epoch}')}",
            message=f"Checkpoint of {session.branch} at its stop",
            known=[oid for oid in (session.base_commit, session.head_commit) if oid],
        )
    except (SandboxError, DomainError, OSError) as error:
        # The folder stays on disk, so the work is not lost; the next start finds it there.
        logger.warning("no snapshot at stop", session_id=str(session_id), error=str(error))
    else:
        await in_db(_saved)(session_id, commit, is_dirty)


def _saved(session_id: uuid.UUID, commit: str, is_dirty: bool) -> None:
    git_status = GitStatus.DIRTY if is_dirty else GitStatus.CLEAN
    AgentSession.with_deleted.filter(pk=session_id).update(head_commit=commit, git_status=git_status)


@transaction.atomic
def _stopped(session_id: uuid.UUID) -> None:
    now = timezone.now()
    gateway.revoke_tokens(subject_id=session_id, now=now)
    session = AgentSession.with_deleted.select_for_update().get(pk=session_id)
    new = [*withdraw(session, reason="The session was stopped.", now=now), *put_to_rest(session)]
    if session.status != SessionStatus.STOPPED:
        AgentSession.with_deleted.filter(pk=session_id).update(
            status=SessionStatus.STOPPED, status_reason="", machine=None, live={}, epoch=session.epoch + 1
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
    await stop_session(session_id)
    await homes.clear(session_id)
    folder = specs.home_folder(await in_db(_home_of)(session_id))
    await homes.end_in(folder)
    await asyncio.to_thread(remove_tree, folder)


def _home_of(session_id: uuid.UUID) -> uuid.UUID:
    home_id = AgentSession.with_deleted.filter(pk=session_id).values_list("home_id", flat=True).first()
    return home_id or session_id

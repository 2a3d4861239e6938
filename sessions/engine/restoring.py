"""Making a session's working tree what a checkpoint holds; the task holds the session's lock, so no turn runs."""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from dataclasses import dataclass

import structlog
from channels.db import database_sync_to_async as in_db
from django.db import transaction
from django.utils import timezone

from accounts.errors import DomainError
from projects.vault import Vault
from runtime.failpoints import failpoint
from sandbox import Sandbox
from sandbox.errors import SandboxError
from sessions import dispatch, log
from sessions.engine import claims, lifecycle, machines, turns
from sessions.engine.claims import Lease
from sessions.engine.turnstile import turnstile
from sessions.errors import StaleEpoch
from sessions.events import Entry
from sessions.models import (
    AgentSession,
    Checkpoint,
    GitStatus,
    Restoration,
    RestorationStatus,
    SessionStatus,
)
from sessions.services.entries import shown_user
from sessions.storable import clean

logger = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Work:
    """One restoration under way, with the session's lease."""

    lease: Lease
    restoration: Restoration
    is_stopped: bool  # the session has no sandbox, and shall have none afterwards

    @property
    def target(self) -> Checkpoint:
        return self.restoration.checkpoint


async def restore(session_id: uuid.UUID) -> None:
    """Do what was asked for, in the order of asking. Whoever comes after a worker that died goes on where it was:
    what the tree was before is saved once and first, and all after that may be done again.
    """
    while (work := await in_db(_claim)(session_id)) is not None:
        try:
            await _restore(work)
        except StaleEpoch:
            logger.info("restoration_overtaken", session_id=str(session_id))
            return
        except (SandboxError, DomainError, OSError) as error:
            logger.warning("restoration_failed", session_id=str(session_id), error=str(error))
            with contextlib.suppress(StaleEpoch):
                await in_db(_failed)(work, str(error))
            if work.is_stopped:
                await lifecycle.stop_session(session_id)
    await in_db(_go_on)(session_id)


async def _restore(work: Work) -> None:
    lease = work.lease
    sandbox = await machines.ensure_sandbox(lease)
    await machines.ensure_workspace(lease, sandbox)
    before = work.restoration.before or await _save_before(work, sandbox)
    failpoint("restore.saved")
    await _apply(work, sandbox, before)
    failpoint("restore.applied")
    files = await asyncio.to_thread(Vault(lease.project_id).files_changed, before.commit, work.target.commit)
    if work.is_stopped:
        await _stop(work, sandbox)
    await in_db(_done)(work, before, files)


async def _save_before(work: Work, sandbox: Sandbox) -> Checkpoint:
    """The tree as it is now, as a checkpoint of its own: so the restoration can be taken back."""
    lease, id = work.lease, uuid.uuid5(work.restoration.pk, "before")
    async with turnstile():
        commit, is_dirty = await machines.snapshot_to_vault(
            sandbox,
            project_id=lease.project_id,
            ref=f"refs/sessions/{lease.session_id}/{id}",
            message=f"Checkpoint of {lease.branch} before it was restored",
            known=[oid for oid in (lease.base_commit, lease.head_commit) if oid],
        )
        files = await asyncio.to_thread(Vault(lease.project_id).files_changed, lease.base_commit, commit)
    saved: Checkpoint = await in_db(_saved)(work, id, commit, is_dirty, files)
    return saved


async def _apply(work: Work, sandbox: Sandbox, before: Checkpoint) -> None:
    """Raises: SandboxError; the tree is what it was, as far as that can be had."""
    try:
        await _bring(work, sandbox, work.target)
    except SandboxError:
        with contextlib.suppress(SandboxError):
            await _bring(work, sandbox, before)
        raise


async def _bring(work: Work, sandbox: Sandbox, checkpoint: Checkpoint) -> None:
    is_dirty = checkpoint.git_status == GitStatus.DIRTY
    await sandbox.guest.restore(commit=checkpoint.commit, branch=work.lease.branch, is_dirty=is_dirty)


async def _stop(work: Work, sandbox: Sandbox) -> None:
    """It was made for this only."""
    place = await in_db(machines.place_of)(work.lease.session_id)
    if place.machine is not None:
        await machines.stop_sandbox(sandbox, place.machine)


@transaction.atomic
def _claim(session_id: uuid.UUID) -> Work | None:
    session = AgentSession.objects.select_for_update().filter(pk=session_id).first()
    pending = Restoration.objects.filter(session_id=session_id, status=RestorationStatus.PENDING)
    restoration = pending.select_related("checkpoint", "before", "requested_by").order_by("created_at", "pk").first()
    if session is None or restoration is None:
        return None
    return Work(claims.hold(session), restoration, session.status == SessionStatus.STOPPED)


@transaction.atomic
def _saved(work: Work, id: uuid.UUID, commit: str, is_dirty: bool, files_changed: int) -> Checkpoint:
    session, git_status = turns.locked_session(work.lease), GitStatus.DIRTY if is_dirty else GitStatus.CLEAN
    checkpoint = Checkpoint.objects.create(
        id=id,
        organization_id=session.organization_id,
        session=session,
        commit=commit,
        git_status=git_status,
        files_changed=files_changed,
    )
    Restoration.objects.filter(pk=work.restoration.pk).update(before=checkpoint)
    AgentSession.objects.filter(pk=session.pk).update(
        head_commit=commit, git_status=git_status, files_changed=files_changed
    )
    told = {"checkpoint_id": str(id), "commit": commit, "git_status": git_status, "files_changed": files_changed}
    log.append(session, [Entry("checkpoint.created", told)], now=timezone.now())
    return checkpoint


@transaction.atomic
def _done(work: Work, before: Checkpoint, files_changed: int) -> None:
    """From now on this is the newest tree, which a new sandbox begins with, too."""
    session, now = turns.locked_session(work.lease), timezone.now()
    AgentSession.objects.filter(pk=session.pk).update(
        head_commit=work.target.commit,
        git_status=work.target.git_status,
        files_changed=work.target.files_changed,
    )
    Restoration.objects.filter(pk=work.restoration.pk).update(
        status=RestorationStatus.DONE, files_changed=files_changed, finished_at=now
    )
    if work.is_stopped:
        AgentSession.objects.filter(pk=session.pk).update(machine=None)
    log.append(session, [_told(work, before, work.target, files_changed)], now=now)


@transaction.atomic
def _failed(work: Work, reason: str) -> None:
    session, now = turns.locked_session(work.lease), timezone.now()
    error = f"The working tree could not be restored: {clean(reason)}"[:1000]
    restoration = Restoration.objects.select_related("before").get(pk=work.restoration.pk)
    restoration.status, restoration.error, restoration.finished_at = RestorationStatus.FAILED, error, now
    restoration.save(update_fields=["status", "error", "finished_at"])
    log.append(session, [_told(work, restoration.before, restoration.before, 0, error)], now=now)


def _told(
    work: Work, before: Checkpoint | None, now_there: Checkpoint | None, files_changed: int, error: str = ""
) -> Entry:
    payload = {
        "restore_id": str(work.restoration.pk),
        "by": shown_user(work.restoration.requested_by),
        "from_checkpoint_id": str(before.pk) if before else None,
        "to_checkpoint_id": str(work.target.pk),
        "commit": now_there.commit if now_there else "",
        "git_status": now_there.git_status if now_there else "",
        "files_changed": files_changed,
        "error": error,
    }
    return Entry("tree.restored", payload)


def _go_on(session_id: uuid.UUID) -> None:
    """What goes on in the background is watched again: the watcher had made room for us."""
    if AgentSession.objects.filter(claims.GOES_ON, pk=session_id).exists():
        dispatch.defer_turn(session_id)

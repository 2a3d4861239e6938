"""A session's work brought home before its sandbox ends: its working tree, and the agent's record of what was said."""

from __future__ import annotations

import uuid

import structlog
from channels.db import database_sync_to_async as in_db

from accounts.errors import DomainError
from runtime.failpoints import failpoint
from sandbox import Phase, Sandbox
from sandbox.errors import GuestSilent, NotARepository, SandboxError
from sessions.engine import leaving, machines, records
from sessions.engine.turnstile import turnstile
from sessions.models import AgentSession, GitStatus

logger = structlog.get_logger(__name__)

FAILURES = (SandboxError, DomainError, OSError)
SILENT = "The sandbox does not answer."


async def save(session_id: uuid.UUID, sandbox: Sandbox) -> bool:
    """End the agent and bring home what it leaves; False when the sandbox has ended by itself, unsaved.

    The caller holds the session's lock, so that no turn runs. Harmless when repeated.
    Raises: FAILURES; the sandbox goes on.
    """
    phase = await sandbox.poll()
    if phase == Phase.UNREACHABLE:
        raise GuestSilent(SILENT)
    if phase != Phase.RUNNING:
        return False
    session = await in_db(AgentSession.with_deleted.get)(pk=session_id)
    await leaving.leave(sandbox.guest, session.agent_run, name=f"end-{session.epoch}-saved")
    await _save_tree(session, sandbox)
    await records.keep(session, sandbox.guest)
    failpoint("saving.saved")
    return True


async def _save_tree(session: AgentSession, sandbox: Sandbox) -> None:
    try:
        async with turnstile():
            commit, is_dirty = await machines.snapshot_to_vault(
                sandbox,
                project_id=session.project_id,
                ref=f"refs/sessions/{session.pk}/{uuid.uuid5(session.pk, f'stop {session.epoch}')}",
                message=f"Checkpoint of {session.branch} at its stop",
                known=[oid for oid in (session.base_commit, session.head_commit) if oid],
            )
    except NotARepository:
        if await sandbox.guest.list_dir():
            raise
        return  # no turn has begun in it: there is nothing yet
    await in_db(_saved)(session.pk, commit, is_dirty)


def _saved(session_id: uuid.UUID, commit: str, is_dirty: bool) -> None:
    git_status = GitStatus.DIRTY if is_dirty else GitStatus.CLEAN
    AgentSession.with_deleted.filter(pk=session_id).update(head_commit=commit, git_status=git_status)

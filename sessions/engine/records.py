"""The agent's own record of its conversation, kept here while no sandbox of the session lives.

It is made by whoever works in the sandbox, so it is nothing but bytes: read, packed, and put back unread.
"""

from __future__ import annotations

import uuid
import zlib

import structlog
from channels.db import database_sync_to_async as in_db
from django.utils import timezone

from sandbox import GuestClient, Paths
from sandbox.errors import FileMissing, SandboxError
from sessions import claude
from sessions.models import AgentRecord, AgentSession

logger = structlog.get_logger(__name__)

MAX_BYTES = 64 * 2**20  # a longer one is told from our log instead
CHUNK = 4 * 2**20


async def keep(session: AgentSession, guest: GuestClient) -> None:
    """Take the record along; what cannot be taken is told to the agent from our log later."""
    known = session.claude_session_id
    if known is None:
        return
    try:
        paths = await guest.paths()
        data = await _read(guest, claude.transcript_path(paths.home, paths.work, known))
    except FileMissing:
        return
    except SandboxError as error:
        logger.warning("record_not_kept", session_id=str(session.pk), error=str(error))
        return
    await in_db(_store)(session, known, data)


async def bring(session_id: uuid.UUID, known: uuid.UUID, guest: GuestClient, paths: Paths) -> bool:
    """Put a kept record where the agent looks for it; whether there was one."""
    packed = await in_db(_stored)(session_id, known)
    if packed is None:
        return False
    path = claude.transcript_path(paths.home, paths.work, known)
    await guest.write_file(path, zlib.decompress(packed), mode=0o600)
    return True


def forget(session_id: uuid.UUID) -> None:
    """A sandbox has the record now, and goes on with it."""
    AgentRecord.objects.filter(session_id=session_id).delete()


async def _read(guest: GuestClient, path: str) -> bytes:
    parts: list[bytes] = []
    size = (await guest.stat(path)).size_bytes
    while (read := sum(map(len, parts))) < size:
        if read > MAX_BYTES:
            raise SandboxError("The agent's record is larger than what is kept.")
        part = await guest.read_file(path, offset=read, limit_bytes=CHUNK)
        if not part:
            break
        parts.append(part)
    return b"".join(parts)


def _store(session: AgentSession, known: uuid.UUID, data: bytes) -> None:
    AgentRecord.objects.update_or_create(
        session=session,
        defaults={
            "organization_id": session.organization_id,
            "claude_session_id": known,
            "data": zlib.compress(data, 6),
            "kept_at": timezone.now(),
        },
    )


def _stored(session_id: uuid.UUID, known: uuid.UUID) -> bytes | None:
    row = AgentRecord.objects.filter(session_id=session_id, claude_session_id=known).first()
    return None if row is None else bytes(row.data)

"""A sandbox made before it is needed, with the working tree and the agent in it: the first turn need not wait."""

from __future__ import annotations

import uuid

import structlog
from channels.db import database_sync_to_async as in_db
from django.db import transaction
from django.utils import timezone

from runtime.failpoints import failpoint
from sessions import dispatch
from sessions.engine import claims, machines
from sessions.engine.agent import AgentProcess
from sessions.engine.claims import Lease
from sessions.engine.saving import FAILURES
from sessions.errors import StaleEpoch
from sessions.models import AgentSession, SessionStatus

logger = structlog.get_logger(__name__)


async def warm(session_id: uuid.UUID) -> None:
    """Make ready what the next turn needs; the task holds the session's lock. What fails, the turn will tell of."""
    lease = await in_db(_hold)(session_id)
    if lease is None:
        return
    try:
        sandbox = await machines.ensure_sandbox(lease)
        failpoint("warming.made")
        await machines.ensure_workspace(lease, sandbox)
        agent = AgentProcess(lease, sandbox, await sandbox.guest.paths())
        if not await agent.is_fit():
            if agent.run and (await agent.status()).is_alive:
                await agent.end()
            await agent.start()
        await in_db(_warmed)(lease)
    except StaleEpoch:
        return
    except FAILURES as error:
        logger.warning("not_warmed", session_id=str(session_id), error=str(error))
    await in_db(dispatch.admit)()


@transaction.atomic
def _hold(session_id: uuid.UUID) -> Lease | None:
    """A session that rests; one with a turn to run is made ready by that."""
    session = AgentSession.objects.select_for_update().filter(pk=session_id, archived_at=None).first()
    rests = session is not None and session.status not in (SessionStatus.RUNNING, SessionStatus.STOPPED)
    if session is None or not rests or session.background or claims.is_due(session_id):
        return None
    return claims.hold(session)


def _warmed(lease: Lease) -> None:
    """From now on the agent idles, and is sent to rest when nobody comes."""
    rows = AgentSession.objects.filter(pk=lease.session_id, epoch=lease.epoch)
    rows.update(idle_since=timezone.now())

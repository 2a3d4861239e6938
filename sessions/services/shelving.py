"""Putting sessions away, and bringing them back: what is archived is in no list, and loses nothing."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from sessions import log
from sessions.errors import AtWork
from sessions.models import AgentSession
from sessions.services import entries
from sessions.services.control import ACTIVE, stop
from sessions.services.locking import locked


@transaction.atomic
def archive_session(*, session: AgentSession, is_stopped_first: bool = False, now: datetime) -> AgentSession:
    """Put it away; its sandbox ends, its work is kept. Harmless when repeated.

    Args:
        is_stopped_first: cancel what runs and waits.
    Raises: NotFound; AtWork (it runs or messages wait, and it is not to be stopped).
    """
    session = locked(session)
    if session.archived_at is not None:
        return session
    if not is_stopped_first and session.jobs.filter(status__in=ACTIVE).exists():
        raise AtWork
    stop(session, now)
    return _set(session, now, now)


@transaction.atomic
def unarchive_session(*, session: AgentSession, now: datetime) -> AgentSession:
    """Bring it back into the lists. Raises: NotFound."""
    session = locked(session)
    return session if session.archived_at is None else _set(session, None, now)


def _set(session: AgentSession, archived_at: datetime | None, now: datetime) -> AgentSession:
    session.archived_at = archived_at
    AgentSession.objects.filter(pk=session.pk).update(archived_at=archived_at)
    log.append(session, [entries.session_archived(session)], now=now)
    return session

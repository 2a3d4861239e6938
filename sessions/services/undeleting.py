"""Taking back that a session was deleted, while all that it was is still kept."""

from __future__ import annotations

import uuid
from datetime import datetime

from django.db import IntegrityError, transaction

from accounts.errors import NotFound
from accounts.tenancy import TenantQuerySet
from sessions import dispatch, events
from sessions.errors import NameTaken
from sessions.models import AgentSession


def deleted_sessions(*, now: datetime) -> TenantQuerySet[AgentSession]:
    """Those whose deletion may still be taken back: their sandboxes' folders are there."""
    may: TenantQuerySet[AgentSession] = AgentSession.with_deleted.filter(
        deleted_at__gt=dispatch.for_good(now), project__deleted_at=None
    )
    return may


@transaction.atomic
def undelete_session(*, session: AgentSession, now: datetime) -> None:
    """Give it back as it was; its sandbox was stopped, and starts again with the next message.

    Raises: NotFound (too late, or never deleted); NameTaken (another one is called so by now).
    """
    row = deleted_sessions(now=now).select_for_update(of=("self",)).filter(pk=session.pk).first()
    if row is None:
        raise NotFound
    try:
        with transaction.atomic():
            AgentSession.with_deleted.filter(pk=row.pk).update(deleted_at=None)
    except IntegrityError as error:
        message = f"This project has a session named “{row.name}” already."
        raise NameTaken(message, details=[{"field": "name", "message": message}]) from error
    _tell(row.organization_id)


def undelete_with_project(*, project_id: uuid.UUID, deleted_at: datetime) -> None:
    """Those that went with their project come back with it; the ones that were deleted before stay so."""
    AgentSession.with_deleted.filter(project_id=project_id, deleted_at=deleted_at).update(deleted_at=None)


def _tell(organization_id: uuid.UUID) -> None:
    transaction.on_commit(lambda: events.ring_organization(organization_id), robust=True)

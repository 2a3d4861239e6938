"""Where a session goes on whose environment was deleted."""

from __future__ import annotations

import uuid

from django.db import transaction
from django.utils import timezone
from uuid_utils.compat import uuid7

from environments import services as environments
from sessions import log
from sessions.models import AgentSession
from sessions.services import entries


@transaction.atomic
def leave_deleted_environment(session_id: uuid.UUID) -> None:
    """Before a sandbox is made: the project's environment takes the place of a deleted one, else the organisation's.

    The conversation says so. Nothing changes while a sandbox still lives in the old one.
    Raises: Conflict (there is none).
    """
    rows = AgentSession.objects.select_related("environment", "machine", "project__default_environment")
    session = rows.select_for_update(of=("self",)).filter(pk=session_id).first()
    if session is None or (session.environment is not None and session.environment.deleted_at is None):
        return
    if session.machine is not None and session.machine.status in environments.LIVE:
        return
    choice = environments.environment_for(
        session.environment, session.project.default_environment, session.organization_id
    )
    AgentSession.objects.filter(pk=session.pk).update(
        environment=choice.environment,
        home_id=uuid7(),  # what lies where it was is none of the new one's
    )
    if choice.warning:
        log.append(session, [entries.notice("warning", choice.warning)], now=timezone.now())

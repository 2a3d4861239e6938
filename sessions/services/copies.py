"""Sessions of a database that was copied: they leave the sandboxes and the files of the original alone."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Collection
from datetime import datetime

from django.db import transaction
from django.db.models import Exists, F, Func, OuterRef, Q, UUIDField
from django.db.models.functions import Coalesce

from environments.services import LIVE
from gateway import services as gateway
from sessions import log
from sessions.errors import NothingRunning
from sessions.models import AgentSession, Job, SessionStatus
from sessions.services import control, entries
from sessions.services.locking import locked

WAS_COPIED = (
    "This server's database was copied from another one, where the session goes on by itself. Send a message to go on "
    "here, from its last checkpoint."
)


class NewId(Func):
    """A random id, another one for each row."""

    function = "gen_random_uuid"
    output_field = UUIDField()


@transaction.atomic
def leave_the_original(*, homes_here: Collection[uuid.UUID], now: datetime) -> None:
    """End, in the rows, what ran; give each session a home of its own, save those whose files came along."""
    at_work = Job.objects.filter(session=OuterRef("pk"), status__in=control.ACTIVE)
    for session in list(AgentSession.objects.filter(Q(machine__status__in=LIVE) | Exists(at_work))):
        _end(session, now)
    rows = AgentSession.with_deleted.alias(home=Coalesce(F("home_id"), F("pk"))).exclude(home__in=homes_here)
    rows.update(home_id=NewId(), machine=None)


def _end(session: AgentSession, now: datetime) -> None:
    """Turns that run go on where they were begun, and are cancelled here."""
    with contextlib.suppress(NothingRunning):
        control.cancel(session=session, now=now)
    row = locked(session)
    gateway.revoke_tokens(subject_id=row.pk, now=now)
    row.status, row.status_reason = SessionStatus.STOPPED, WAS_COPIED
    row.machine, row.idle_since, row.background, row.live = None, None, [], {}
    row.agent_state = {**row.agent_state, "activity": "", "background": []}
    row.epoch += 1
    fields = ["status", "status_reason", "machine", "idle_since", "background", "live", "agent_state", "epoch"]
    row.save(update_fields=[*fields, "updated_at"])
    log.append(row, [entries.session_changed(background=[]), entries.session_status(row)], now=now)

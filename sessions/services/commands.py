"""Commands that may come twice: what a client has given an id is done, or refused, once and never to a later turn."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import datetime, timedelta

from django.db import transaction

from sessions.errors import CommandIdTaken, NothingRunning, NothingToContinue
from sessions.models import AgentSession, Command
from sessions.services.locking import locked

Refusal = NothingRunning | NothingToContinue
Act = Callable[[AgentSession], object]

REFUSALS: dict[str, type[Refusal]] = {kind.__name__: kind for kind in (NothingRunning, NothingToContinue)}
KEPT = timedelta(days=7)
PRUNED_AT_ONCE = 1000


def once(*, session: AgentSession, key: uuid.UUID | None, what: str, act: Act) -> AgentSession:
    """Do it under the session's lock; with a `key` that is known it has been done, or refused, already.

    A refusal is kept too: said again later, the same words would mean another turn.
    Raises: NotFound; CommandIdTaken (the key was given to something else); what `act` raises.
    """
    with transaction.atomic():
        session = locked(session)
        known = None if key is None else Command.objects.filter(session=session, key=key).first()
        refusal = _try(session, act) if known is None else _said_before(known, what)
        if known is None and key is not None:
            Command.objects.create(
                organization_id=session.organization_id,
                session=session,
                key=key,
                what=what,
                refusal="" if refusal is None else type(refusal).__name__,
            )
    if refusal is not None:
        raise refusal
    return session


def prune_commands(*, now: datetime) -> int:
    """Forget a batch of those that nobody repeats any more; returns how many."""
    old = Command.objects.filter(created_at__lt=now - KEPT)
    ids = list(old.order_by("pk").values_list("pk", flat=True)[:PRUNED_AT_ONCE])
    deleted, _ = Command.objects.filter(pk__in=ids).delete()
    return deleted


def _try(session: AgentSession, act: Act) -> Refusal | None:
    try:
        with transaction.atomic():
            act(session)
    except (NothingRunning, NothingToContinue) as refusal:
        return refusal
    return None


def _said_before(known: Command, what: str) -> Refusal | None:
    if known.what != what:
        raise CommandIdTaken
    return REFUSALS[known.refusal]() if known.refusal else None

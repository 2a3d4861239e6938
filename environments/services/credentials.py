"""The credential that sessions of an environment call the model with, in place of the organisation's key.

It is sealed, and the gateway's: no sandbox ever sees it.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from itertools import groupby

from django.db import transaction

from accounts.tenancy import Actor, Role, fetch
from environments import health
from environments.models import Environment
from environments.services.locking import locked
from gateway import keys
from gateway.keys import Origin, Source


def read_credential(*, actor: Actor, id: uuid.UUID) -> Source:
    """Raises: NotFound."""
    environment = fetch(Environment, actor, id)
    return sources_of(environment.organization_id, [environment], actor.role_in(environment.organization_id))[id]


def sources_of(
    organization_id: uuid.UUID, environments: Iterable[Environment], role: Role | None
) -> dict[uuid.UUID, Source]:
    """By the environment's id, for those of one organisation, what its sessions call the model with.

    Only admins are told how a key ends.
    """
    found = keys.sources(organization_id, [one.pk for one in environments])
    if role is not None and role.covers(Role.ADMIN):
        return found
    return {id: replace(source, last_four="") for id, source in found.items()}


def practising(environments: Iterable[Environment]) -> set[uuid.UUID]:
    """The ids of those whose sessions the practice model answers, for want of a key."""
    rows = sorted(environments, key=lambda one: one.organization_id)
    found: dict[uuid.UUID, Source] = {}
    for organization_id, those in groupby(rows, key=lambda one: one.organization_id):
        found |= keys.sources(organization_id, [one.pk for one in those])
    return {id for id, source in found.items() if source.origin == Origin.PRACTICE}


@transaction.atomic
def store_credential(*, actor: Actor, id: uuid.UUID, credential: str, now: datetime) -> Source:
    """Keep a credential for this environment's sessions, in place of an earlier one; it holds from the next model call.

    Raises: NotFound, Forbidden (below ADMIN); Invalid (it is none, or has run out).
    """
    environment = locked(actor, id)
    keys.set_place_key(organization_id=environment.organization_id, place_id=environment.pk, text=credential, now=now)
    transaction.on_commit(lambda: health.forget(environment))
    return keys.sources(environment.organization_id, [id])[id]


def remove_credential(*, actor: Actor, id: uuid.UUID) -> None:
    """Forget it; harmless when there is none. Raises: NotFound, Forbidden (below ADMIN)."""
    environment = fetch(Environment, actor, id, Role.ADMIN)
    keys.delete_place_key(place_id=environment.pk)
    health.forget(environment)

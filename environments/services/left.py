"""Files that could not be removed where they lie, and that were left to people: told to the organisation's
administrators until one of them has seen to it."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime

from accounts.tenancy import Actor, Role, fetch
from environments.models import Environment, Machine

MOST_NAMED = 10


@dataclass
class LeftBehind:
    """What lies in one environment; `folders` names some of the homes as they are called there."""

    environment: Environment
    error: str
    homes: set[uuid.UUID | None]
    folders: list[str]

    @property
    def count(self) -> int:
        return len(self.homes)


def left_behind(organization_id: uuid.UUID) -> list[LeftBehind]:
    """Of all environments, deleted ones too."""
    rows = Machine.objects.filter(organization_id=organization_id, given_up_at__isnull=False, cleared_at=None)
    found: dict[uuid.UUID, LeftBehind] = {}
    for machine in rows.select_related("environment").order_by("-pk"):
        place = machine.environment
        left = found.setdefault(place.pk, LeftBehind(place, machine.clear_error or machine.reason, set(), []))
        if machine.home_id not in left.homes:
            left.homes.add(machine.home_id)
            left.folders.append(str(machine.handle.get("root") or machine.home_id))
    for left in found.values():
        left.folders = left.folders[:MOST_NAMED]
    return list(found.values())


def dismiss_left_behind(*, actor: Actor, id: uuid.UUID, now: datetime) -> None:
    """Somebody has removed by hand what lay in the environment, or lets it lie. Harmless when repeated.

    Raises: NotFound, Forbidden (below ADMIN).
    """
    environment = fetch(Environment.with_deleted.all(), actor, id, Role.ADMIN)
    given_up = Machine.objects.filter(environment=environment, given_up_at__isnull=False, cleared_at=None)
    given_up.update(cleared_at=now)

"""What holds while an environment is changed."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Iterator

from django.db import IntegrityError, transaction

from accounts.errors import Conflict, NotFound
from accounts.models import Organization
from accounts.tenancy import Actor, Role, TenantQuerySet, fetch
from environments.models import Environment


def locked(actor: Actor, id: uuid.UUID, rows: TenantQuerySet[Environment] | None = None) -> Environment:
    """The row as it is now, locked: no machine is made in it; and its organisation, so that one default stays.

    Raises: NotFound, Forbidden (below ADMIN).
    """
    known = Environment.objects.all() if rows is None else rows
    environment = fetch(known, actor, id, Role.ADMIN)
    Organization.objects.select_for_update(no_key=True).get(pk=environment.organization_id)
    fresh = known.select_for_update().filter(pk=id).first()
    if fresh is None:
        raise NotFound
    return fresh


@contextlib.contextmanager
def free_name() -> Iterator[None]:
    """Raises: Conflict (another environment has the name)."""
    try:
        with transaction.atomic():
            yield
    except IntegrityError as error:
        raise Conflict(
            "An environment of this name exists.", details=[{"field": "name", "message": "Taken."}]
        ) from error

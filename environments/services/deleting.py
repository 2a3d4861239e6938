"""Environments deleted, taken back, and gone for good."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef, Q

from accounts.errors import Conflict, Invalid
from accounts.tenancy import Actor
from environments import credentials
from environments.errors import EnvironmentInUse
from environments.images import services as images
from environments.models import Environment, Machine
from environments.services.locking import free_name, locked
from environments.services.machines import LIVE
from environments.signals import environment_deleted
from environments.uses import uses_of
from gateway import keys

logger = structlog.get_logger(__name__)

MOST_NAMED = 20
LONGEST = timedelta(days=7)  # that secrets wait for files to be removed with them


def _kept() -> timedelta:
    """For so long a deletion can be taken back."""
    return timedelta(seconds=settings.UNDO_S)


@transaction.atomic
def delete_environment(*, actor: Actor, id: uuid.UUID, force: bool = False, now: datetime) -> None:
    """Take an environment away; with `force` also when sessions run in it: they stop, and their work is kept.

    Raises: NotFound, Forbidden; Invalid (it is the default one); EnvironmentInUse (names the sessions).
    """
    environment = locked(actor, id)
    if environment.is_default:
        raise Invalid("The default environment cannot be deleted; make another one the default first.")
    running = [use for use in uses_of(environment) if use.is_running]
    if not force and (running or Machine.objects.filter(environment=environment, status__in=LIVE).exists()):
        details = [{"field": f"sessions.{use.id}", "message": use.name} for use in running[:MOST_NAMED]]
        raise EnvironmentInUse(details=details)
    environment.deleted_at = now
    environment.save(update_fields=["deleted_at"])
    environment_deleted.send(sender=Environment, environment=environment, now=now)


@transaction.atomic
def undelete_environment(*, actor: Actor, id: uuid.UUID) -> Environment:
    """Take a deletion back; harmless when it has been.

    Raises: NotFound, Forbidden; Conflict (too late, or another one has the name by now).
    """
    environment = locked(actor, id, Environment.with_deleted.all())
    if environment.purged_at is not None:
        raise Conflict("This environment was deleted for good; add it again.")
    environment.deleted_at = None
    with free_name():
        environment.save(update_fields=["deleted_at"])
    return environment


def purge_environments(*, now: datetime) -> int:
    """Remove folders and secrets of those that were deleted a while ago and in which nothing runs; how many.

    Whatever runs in one is stopped, and what lies there removed, with the environment's own secrets: these stay until
    then, for a week at most where it is not done.
    """
    here = Machine.objects.filter(environment=OuterRef("pk"))
    alive, left = here.filter(status__in=LIVE), here.filter(cleared_at=None, started_at__isnull=False)
    is_empty = ~Exists(left) | Q(deleted_at__lt=now - LONGEST)
    old = Environment.with_deleted.filter(is_empty, ~Exists(alive), deleted_at__lt=now - _kept(), purged_at=None)
    return sum(_purge(id, now) for id in list(old.values_list("pk", flat=True)))


@transaction.atomic
def _purge(id: uuid.UUID, now: datetime) -> bool:
    """The row last: a crash in between is mended by the next one."""
    row = (
        Environment.with_deleted.select_for_update().filter(pk=id, deleted_at__lt=now - _kept(), purged_at=None).first()
    )
    if row is None:
        return False
    row.secrets.all().delete()
    keys.delete_place_key(place_id=row.pk)
    credentials.remove(row.pk)
    images.forget(row, now=now)
    row.purged_at = now
    row.save(update_fields=["purged_at"])
    logger.info("environment_purged", environment_id=str(id))
    return True

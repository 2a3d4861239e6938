"""Environments deleted, taken back, and gone for good."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef

from accounts.errors import Conflict, Invalid
from accounts.tenancy import Actor
from environments import credentials
from environments.errors import EnvironmentInUse
from environments.images import services as images
from environments.models import CHECK_IS_LIVE, Environment, EnvironmentCheck, Machine, MachineStatus
from environments.services.locking import free_name, locked
from environments.services.machines import LIVE, give_up_homes
from environments.signals import environment_deleted
from environments.uses import uses_of
from gateway import keys

logger = structlog.get_logger(__name__)

MOST_NAMED = 20
LONGEST = timedelta(days=7)  # that secrets wait for files to be removed with them
UNREACHED = "The environment was deleted, and could not be reached for a week."


@transaction.atomic
def delete_environment(*, actor: Actor, id: uuid.UUID, force: bool = False, now: datetime) -> None:
    """Take an environment away; with `force` also when sessions run in it: they stop, and their work is kept.

    Raises: NotFound, Forbidden; Invalid (it is the default one); EnvironmentInUse (names the sessions).
    """
    environment = locked(actor, id)
    if environment.is_default:
        raise Invalid("The default environment cannot be deleted; make another one the default first.")
    running = [use for use in uses_of(environment) if use.is_running]
    # What is only kept warm is nobody's work.
    living = Machine.objects.filter(environment=environment, status__in=LIVE).exclude(subject_id=None)
    if not force and (running or living.exists()):
        details = [{"field": f"sessions.{use.id}", "message": use.name} for use in running[:MOST_NAMED]]
        raise EnvironmentInUse(details=details)
    environment.deleted_at = now
    environment.save(update_fields=["deleted_at"])
    # A test that waits finds it deleted; one that runs hears of this within a second, and removes its sandbox.
    EnvironmentCheck.objects.filter(CHECK_IS_LIVE, environment=environment).update(cancel_requested_at=now)
    environment_deleted.send(sender=Environment, environment=environment, now=now)


@transaction.atomic
def undelete_environment(*, actor: Actor, id: uuid.UUID, now: datetime) -> Environment:
    """Take a deletion back; harmless when it has been.

    Raises: NotFound, Forbidden; Conflict (too late, or another one has the name by now).
    """
    environment = locked(actor, id, Environment.with_deleted.all())
    if environment.deleted_at is not None and environment.deleted_at < gone_before(now):
        raise Conflict("This environment was deleted for good; add it again.")
    environment.deleted_at = None
    with free_name():
        environment.save(update_fields=["deleted_at"])
    return environment


def gone_before(now: datetime) -> datetime:
    """What was deleted before is gone for good: nobody takes it back, and what it left may be removed."""
    return now - timedelta(seconds=settings.UNDO_S)


def purge_environments(*, now: datetime) -> int:
    """Remove folders and secrets of those that are gone for good and in which nothing is left; how many.

    Whatever runs in one is stopped, and what lies there removed, by means of its own secrets: these stay until then.
    What cannot be done for a week is given up, and its administrators are told.
    """
    gone = Environment.with_deleted.filter(deleted_at__lt=gone_before(now), purged_at=None)
    for id in gone.filter(deleted_at__lt=now - LONGEST).values_list("pk", flat=True):
        _give_up(id, now)
    here = Machine.objects.filter(environment=OuterRef("pk"))
    left = here.filter(cleared_at=None, given_up_at=None, started_at__isnull=False)
    empty = gone.filter(~Exists(left), ~Exists(here.filter(status__in=LIVE)))
    return sum(_purge(id, now) for id in list(empty.values_list("pk", flat=True)))


@transaction.atomic
def _give_up(id: uuid.UUID, now: datetime) -> None:
    """Nothing of it could be reached for so long that nobody knows whether it still runs."""
    here = Machine.objects.filter(environment_id=id)
    here.filter(status__in=LIVE).update(status=MachineStatus.LOST, stopped_at=now, reason=UNREACHED)
    give_up_homes(machines=here.filter(started_at__isnull=False), now=now)


@transaction.atomic
def _purge(id: uuid.UUID, now: datetime) -> bool:
    """The row last: a crash in between is mended by the next one."""
    row = (
        Environment.with_deleted.select_for_update()
        .filter(pk=id, deleted_at__lt=gone_before(now), purged_at=None)
        .first()
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

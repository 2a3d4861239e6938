"""A database that was copied from another deployment: it becomes one of its own.

It takes over nothing of what the other one has running or lying about elsewhere, and ends and removes nothing of it.
"""

from __future__ import annotations

import uuid
from datetime import datetime

import structlog
from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext_noop

from environments import specs
from environments.deployment import is_copied, mark_of
from environments.models import Deployment, Machine, MachineStatus
from environments.services.machines import LIVE
from environments.signals import deployment_copied

logger = structlog.get_logger(__name__)

COPIED = gettext_noop("The sandbox belongs to the server that this one's database was copied from.")


@transaction.atomic
def settle_deployment(*, now: datetime) -> bool:
    """See that database and data folder belong together, before anything is done with sandboxes; True for a copy.

    Of several workers that start at once one does it. Killed at any point, the next start does it again.
    """
    Deployment.objects.get_or_create(is_only=True)
    row = Deployment.objects.select_for_update().get(is_only=True)
    was_copied = is_copied(row)
    if was_copied:
        row.id = _begin_anew(row.id, now)
    elif row.is_marked:
        return False
    path = mark_of(row.id)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    path.touch(mode=0o600)
    Deployment.objects.update(is_marked=True)
    return was_copied


def _begin_anew(before: uuid.UUID, now: datetime) -> uuid.UUID:
    new = uuid.uuid4()
    Deployment.objects.update(id=new, copy_of=before, copied_at=now)
    # What lies in this data folder came along with it, so it is ours; all else is the other's.
    here = set(specs.homes_here())
    deployment_copied.send(sender=Deployment, homes_here=here, now=now)
    Machine.objects.filter(status__in=LIVE).update(status=MachineStatus.LOST, reason=COPIED, stopped_at=now)
    Machine.objects.filter(cleared_at=None).exclude(home_id__in=here).update(cleared_at=now)
    logger.error("database_was_copied", copy_of=before.hex, deployment=new.hex, data_folder=str(settings.DATA_DIR))
    return new

"""Which deployment this is: a random id by which it knows its own sandboxes where others have theirs, too.

The data folder holds the id as well. A database that comes without it is a copy (`services.copies`).
"""

from __future__ import annotations

import uuid
from pathlib import Path

from django.conf import settings

from environments.models import Deployment


def deployment_id() -> str:
    """The same for all processes that share the database; made when it is first asked for."""
    row, _ = Deployment.objects.get_or_create(is_only=True)
    return row.id.hex


def mark_of(id: uuid.UUID) -> Path:
    """The file of the data folder that says that a deployment's database is at home in it; several may be."""
    return Path(settings.DATA_DIR) / "deployments" / id.hex


def is_copied(row: Deployment) -> bool:
    """Whether the database has been at home in some data folder, which is not this one."""
    return row.is_marked and not mark_of(row.id).exists()

"""Which deployment this is: a random id by which it knows its own sandboxes where others have theirs, too."""

from __future__ import annotations

from environments.models import Deployment


def deployment_id() -> str:
    """The same for all processes that share the database; made when it is first asked for."""
    row, _ = Deployment.objects.get_or_create(is_only=True)
    return row.id.hex

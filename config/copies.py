"""The doctor's look at whether the database is at home in the data folder: two servers with one id end each other's
sandboxes."""

from __future__ import annotations

from config.findings import Finding
from environments.deployment import is_copied, mark_of
from environments.models import Deployment


def finding() -> Finding:
    """Needs a migrated database."""
    row = Deployment.objects.first()
    if row is None:
        return Finding("deployment", "ok", "not started yet")
    if is_copied(row):
        mark = mark_of(row.id)
        mend = (
            "nothing if another server has the original: the next start makes this a deployment of its own, which "
            "leaves the other's sandboxes alone; if there is no other any more, and this is to take its place: touch "
            f"{mark}"
        )
        return Finding("deployment", "warning", f"the database was copied: {mark} is missing", mend)
    if row.copy_of and row.copied_at:
        return Finding(
            "deployment", "ok", f"{row.id.hex}, copied from {row.copy_of.hex} on {row.copied_at:%Y-%m-%d at %H:%M} UTC"
        )
    return Finding("deployment", "ok", row.id.hex)

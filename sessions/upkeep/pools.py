"""Warm sandboxes looked after: filled up, renewed when they are old, ended where they are not wanted any more."""

from __future__ import annotations

from datetime import datetime

from sessions import dispatch
from sessions.engine import pool


def keep(*, now: datetime) -> int:
    """Queue a look at each environment that has warm sandboxes, or is to have some; none of that is a finding."""
    for environment_id in pool.to_keep():
        dispatch.defer_pool(environment_id)
    return 0

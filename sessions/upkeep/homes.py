"""Homes that nobody needs any more, in places that could not be reached then: removed as soon as they can be.

What could not be removed for a month is given up, and left to the administrators of its organisation.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from environments import services as environments
from sessions import dispatch
from sessions.engine import homes

GIVEN_UP = timedelta(days=30)


def clear_left(*, now: datetime) -> int:
    """Queue a look at each environment with files that nobody needs; how many."""
    waiting = homes.due(now).order_by().values_list("environment_id", flat=True).distinct()
    found = list(waiting)
    for environment_id in found:
        dispatch.defer_clear_homes(environment_id)
    return len(found)


def give_up(*, now: datetime) -> int:
    """Tell people of what was tried for long in vain; of how many machines."""
    hopeless = homes.left(now).filter(stopped_at__lt=now - GIVEN_UP, clear_tried_at__isnull=False)
    return environments.give_up_homes(machines=hopeless, now=now)

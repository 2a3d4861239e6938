"""Homes that a session has left, in a place that could not be reached then: removed as soon as it can be."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db.models import Exists, OuterRef
from django.db.models.functions import Coalesce

from environments.models import Machine, MachineStatus
from sessions import dispatch
from sessions.models import AgentSession

SETTLED = timedelta(minutes=2)
GIVEN_UP = timedelta(days=30)
AT_ONCE = 20


def clear_left(*, now: datetime) -> int:
    """Queue sessions with files where they are not any more; how many."""
    sessions = AgentSession.objects.annotate(home=Coalesce("home_id", "pk"))
    moved = sessions.filter(pk=OuterRef("subject_id")).exclude(home=OuterRef("home_id"))
    ended = Machine.objects.filter(
        cleared_at=None,
        home_id__isnull=False,
        status__in=(MachineStatus.STOPPED, MachineStatus.LOST),
        stopped_at__gt=now - GIVEN_UP,
        stopped_at__lt=now - SETTLED,
    )
    left = ended.filter(Exists(moved)).order_by("-stopped_at").values_list("subject_id", flat=True)
    found = list(dict.fromkeys(left[: 5 * AT_ONCE]))[:AT_ONCE]
    for session_id in found:
        if session_id is not None:
            dispatch.defer_clear_homes(session_id)
    return len(found)

"""Agents that go on although no worker follows them any more: their sessions are given to one."""

from __future__ import annotations

from datetime import datetime, timedelta

import structlog
from django.db.models import Exists, OuterRef, Q

from sessions import dispatch
from sessions.engine import claims
from sessions.models import AgentSession, Job, JobStatus
from sessions.upkeep.unattended import without_tasks

logger = structlog.get_logger(__name__)

LEFT_FOR = timedelta(seconds=60)
AT_ONCE = 500


def hand_over(*, now: datetime) -> int:
    """Queue sessions whose background tasks nobody watches, or whose agent was never told of a cancellation."""
    untold = Job.objects.filter(session=OuterRef("pk"), status=JobStatus.CANCELLED, epoch=OuterRef("epoch"))
    is_untold = Q(status__in=claims.WORKING, epoch__gt=0) & Exists(untold)
    left = AgentSession.objects.filter(claims.GOES_ON | is_untold, machine__isnull=False, updated_at__lt=now - LEFT_FOR)
    found = list(without_tasks(left).values_list("pk", flat=True)[:AT_ONCE])
    for session_id in found:
        logger.warning("agent_was_left_alone", session_id=str(session_id))
        dispatch.defer_turn(session_id)
    return len(found)

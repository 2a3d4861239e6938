"""Having a session's sandbox made before it is needed.

Who asks how often is counted in the cache, which all processes share: Redis, or the one process's own memory, since
without Redis there is only one. What is forgotten there (a restart, Redis away) costs at most one more sandbox for each
session or environment that is looked at: what is made is a row, found by whoever asks next.
"""

from __future__ import annotations

import uuid
from datetime import datetime

from django.conf import settings
from django.core.cache import cache

from accounts.models import User
from environments import services as environments
from environments.models import Environment
from sessions import dispatch
from sessions.models import AgentSession, JobStatus, SessionStatus

AGAIN_S = 60  # one session is asked for at most once in so long
EXPECTED_S = 600  # how long a sandbox waits for a session that somebody was about to make
WINDOW_S = 60
PER_USER = 10  # in a window; whoever opens more pages than that waits at the first message


def prewarm(*, session: AgentSession, by: User, now: datetime) -> bool:
    """Begin to make it, if the session rests without one and the limits allow; whether that was done.

    A stopped session stays stopped. Harmless when repeated.
    """
    if not settings.PREWARM or session.archived_at is not None:
        return False
    if session.status in (SessionStatus.RUNNING, SessionStatus.STOPPED) or _is_warm(session):
        return False
    if session.jobs.filter(status__in=(JobStatus.PENDING, JobStatus.PROCESSING)).exists():
        return False
    if not cache.add(f"prewarm:{session.pk}", 1, AGAIN_S) or _asked(by, now) > PER_USER:
        return False
    dispatch.defer_warm(session.pk)
    return True


def prewarm_environment(*, environment: Environment, by: User, now: datetime) -> bool:
    """Have one sandbox ready there for a session that somebody is about to make; whether that was done.

    It waits for some minutes, then it is put away. Harmless when repeated.
    """
    if not settings.PREWARM or environment.deleted_at is not None or _asked(by, now) > PER_USER:
        return False
    if not cache.add(_expected(environment.pk), 1, EXPECTED_S):
        return False
    dispatch.defer_pool(environment.pk)
    return True


def is_expected(environment_id: uuid.UUID) -> bool:
    """Whether somebody is about to make a session there."""
    return cache.get(_expected(environment_id)) is not None


def _expected(environment_id: uuid.UUID) -> str:
    return f"session-expected:{environment_id}"


def _is_warm(session: AgentSession) -> bool:
    machine = session.machine
    return machine is not None and machine.status in environments.LIVE and session.idle_since is not None


def _asked(by: User, now: datetime) -> int:
    key = f"prewarm-by:{by.pk}:{int(now.timestamp()) // WINDOW_S}"
    cache.add(key, 0, 2 * WINDOW_S)
    return int(cache.incr(key))

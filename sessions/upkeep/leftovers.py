"""What crashes leave behind: rows that say more than is true, machines of nobody, tokens, packs."""

from __future__ import annotations

import contextlib
import uuid
from datetime import datetime, timedelta
from pathlib import Path

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q

from environments import services as environments
from environments.models import CHECK_IS_LIVE, EnvironmentCheck, Machine, MachineStatus
from gateway import services as gateway
from gateway.models import GatewayToken
from sessions import dispatch, log
from sessions.engine import causes
from sessions.models import AgentSession, JobStatus, PermissionRequest, PermissionStatus, SessionStatus
from sessions.services import entries
from sessions.services.permissions import withdraw
from sessions.upkeep.folders import is_young
from sessions.upkeep.unattended import unattended, without_tasks

logger = structlog.get_logger(__name__)

SETTLED = timedelta(seconds=60)  # what is younger may belong to a step that is being taken right now
INTERRUPTED = f"The server stopped while the agent was at work. {causes.GO_ON}"


def settle_sessions(*, now: datetime) -> int:
    """Sessions that say they are at work while nobody works on them; how many were set right."""
    asked = PermissionRequest.objects.filter(session=OuterRef("pk"), status=PermissionStatus.PENDING)
    busy = Q(status__in=(SessionStatus.INITIALIZING, SessionStatus.RUNNING))
    waiting = Q(status=SessionStatus.WAITING_INPUT) & Exists(asked)
    stuck = AgentSession.objects.filter(busy | waiting, updated_at__lt=now - SETTLED)
    found = list(unattended(stuck).values_list("pk", flat=True))
    return sum(_settle(session_id, now) for session_id in found)


@transaction.atomic
def _settle(session_id: uuid.UUID, now: datetime) -> bool:
    """Show what the last job came to; the lease is raised, so that a worker that wakes up late writes no more."""
    session = AgentSession.objects.select_for_update().filter(pk=session_id, updated_at__lt=now - SETTLED).first()
    if session is None or not unattended(AgentSession.objects.filter(pk=session_id)).exists():
        return False
    last = session.jobs.order_by("-created_at", "-pk").first()
    status, reason = SessionStatus.COMPLETED, ""
    if last is None:
        status = SessionStatus.WAITING_INPUT
    elif last.status == JobStatus.FAILED:
        status, reason = SessionStatus.ERROR, last.error or INTERRUPTED
    logger.warning("session_settled", session_id=str(session_id), was=session.status, status=status)
    session.status, session.status_reason, session.live = status, reason[:1000], {}
    session.epoch += 1
    session.save(update_fields=["status", "status_reason", "live", "epoch", "updated_at"])
    told = [*withdraw(session, reason="Nobody works on this any more.", now=now), entries.session_status(session)]
    log.append(session, told, now=now)
    return True


def end_machines(*, now: datetime) -> int:
    """Machines that are thought to live, and belong to a session that was stopped or deleted, or to none."""
    owned = AgentSession.with_deleted.filter(machine=OuterRef("pk"))
    live = Machine.objects.filter(status__in=environments.LIVE, created_at__lt=now - SETTLED)
    live = live.exclude(subject_id=None, home_id=F("pk"))  # kept warm, which is looked after elsewhere
    tried_out = EnvironmentCheck.objects.filter(CHECK_IS_LIVE, machine=OuterRef("pk"))
    orphans = live.filter(~Exists(owned), ~Exists(tried_out)).values_list("pk", flat=True)
    ended = sum(
        environments.machine_ended(machine_id=id, status=MachineStatus.LOST, reason="No session uses it.", now=now)
        for id in list(orphans)
    )
    over = Q(deleted_at__isnull=False) | Q(status=SessionStatus.STOPPED)
    rows = AgentSession.with_deleted.filter(
        over, machine__status__in=environments.LIVE, updated_at__lt=now - SETTLED
    ).exclude(deleted_at__gt=now - SETTLED)
    for session in list(without_tasks(rows)):
        is_gone = session.deleted_at is not None and session.deleted_at <= dispatch.for_good(now)
        (dispatch.defer_cleanup if is_gone else dispatch.defer_stop)(session.pk)
        ended += 1
    return ended


def leave_environments(*, now: datetime) -> int:
    """Stop, by force, what still runs in an environment that was deleted, or for an organisation that is suspended:
    the stop that was asked for then may have been lost; how many."""
    before = now - SETTLED
    forsaken = Q(machine__environment__deleted_at__lt=before) | Q(organization__suspended_at__lt=before)
    rows = AgentSession.objects.filter(forsaken, machine__status__in=environments.LIVE)
    found = list(without_tasks(rows).values_list("pk", flat=True))
    for session_id in found:
        dispatch.defer_stop(session_id, is_forced=True)
    return len(found)


def revoke_tokens(*, now: datetime) -> int:
    """Tokens that still open the gateway for a session that is deleted, stopped or gone; of how many sessions."""
    working = AgentSession.objects.exclude(status=SessionStatus.STOPPED).filter(pk=OuterRef("subject_id"))
    tokens = GatewayToken.objects.filter(revoked_at=None, expires_at__gt=now, created_at__lt=now - SETTLED)
    found = set(tokens.filter(~Exists(working)).values_list("subject_id", flat=True))
    for subject_id in found:
        gateway.revoke_tokens(subject_id=subject_id, now=now)
    return len(found)


def sweep_packs(*, now: datetime) -> int:
    """Packs that were on their way into a vault, or out of it, and are old enough to be nobody's."""
    swept = 0
    for path in (Path(settings.DATA_DIR) / "incoming").glob("*"):
        with contextlib.suppress(FileNotFoundError):
            if path.suffix in (".pack", ".bundle") and not is_young(path):
                path.unlink()
                swept += 1
    return swept

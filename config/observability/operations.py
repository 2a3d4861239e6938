"""The operator's page in the admin: what lives, waits, fails and costs, and how to help a session that is stuck."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Callable
from typing import Any

import structlog
from django.contrib import admin, messages
from django.contrib.auth.decorators import permission_required
from django.db import DatabaseError, connection
from django.db.models import Count, F, Sum
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from procrastinate.contrib.django import app
from procrastinate.contrib.django.models import ProcrastinateJob

from accounts.errors import DomainError
from config import worker
from config.models import ErrorReport
from config.observability import health
from config.observability.figures import figures
from environments.models import Machine, MachineStatus
from gateway.models import UsageEntry
from sessions import dispatch, services
from sessions.models import AgentSession, Job, JobStatus

logger = structlog.get_logger(__name__)

ROWS = 10
LOOK_BACK = dt.timedelta(hours=24)
MAY_LOOK = "agent_sessions.view_agentsession"
MAY_ACT = "agent_sessions.change_agentsession"


@never_cache
@permission_required(MAY_LOOK, raise_exception=True)
def operations(request: HttpRequest) -> HttpResponse:
    """Show it all on GET; on POST do one thing and come back."""
    if request.method == "POST":
        return _act(request)
    now = timezone.now()
    context: dict[str, Any] = {
        **admin.site.each_context(request),
        "title": _("Operations"),
        "checks": health.checks(),
        "may_act": request.user.has_perm(MAY_ACT),
    }
    try:
        context |= {"figures": figures(), "workers": workers(now), "spend": spend(now), **rows(now)}
    except DatabaseError as error:
        logger.warning("operations_incomplete", error=type(error).__name__)
        messages.error(request, _("The figures could not be counted in time; what is missing below is not zero."))
    return TemplateResponse(request, "admin/operations.html", context)


def workers(now: dt.datetime) -> list[dict[str, Any]]:
    """Each worker with its heartbeat and what it holds; one that is silent for long is taken for dead."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select w.id, w.last_heartbeat, count(j.id) from procrastinate_workers w left join procrastinate_jobs j"
            " on j.worker_id = w.id and j.status = 'doing' group by w.id order by w.last_heartbeat desc limit 50"
        )
        found = cursor.fetchall()
    return [
        {"id": id, "heartbeat": beat, "jobs": jobs, "is_alive": (now - beat).total_seconds() < worker.STALLED_S}
        for id, beat, jobs in found
    ]


def spend(now: dt.datetime) -> dict[str, Any]:
    """Model calls since midnight (UTC), and who spent most."""
    calls = UsageEntry.objects.filter(created_at__gte=now.replace(hour=0, minute=0, second=0, microsecond=0))
    tokens = Sum(F("input_tokens") + F("output_tokens") + F("cache_read_tokens") + F("cache_write_tokens"))
    total = calls.aggregate(usd=Sum("cost_usd"), calls=Count("pk"), tokens=tokens)
    by = calls.filter(cost_usd__gt=0).values("organization_id", "organization__name").annotate(usd=Sum("cost_usd"))
    return {**total, "by_organization": list(by.order_by("-usd")[:5])}


def rows(now: dt.datetime) -> dict[str, Any]:
    """The few rows that an operator wants to see first."""
    jobs = Job.objects.select_related("session", "organization")
    return {
        "waiting": jobs.filter(status=JobStatus.PENDING).order_by("created_at")[:ROWS],
        "working": jobs.filter(status=JobStatus.PROCESSING).order_by("started_at")[:ROWS],
        "failed": jobs.filter(status=JobStatus.FAILED, finished_at__gt=now - LOOK_BACK).order_by("-finished_at")[:ROWS],
        "lost": Machine.objects.select_related("organization", "environment")
        .filter(status=MachineStatus.LOST, stopped_at__gt=now - LOOK_BACK)
        .order_by("-stopped_at")[:ROWS],
        "errors": ErrorReport.objects.order_by("-last_seen_at")[:ROWS],
    }


def _act(request: HttpRequest) -> HttpResponse:
    action = ACTIONS.get(request.POST.get("action", ""))
    if action is None or not request.user.has_perm(MAY_ACT):
        messages.error(request, _("You may not do this."))
        return redirect("admin-operations")
    session = _session(request.POST.get("session", ""))
    if session is None:
        messages.error(request, _("There is no such session (any more)."))
        return redirect("admin-operations")
    try:
        said = action(session, timezone.now())
    except DomainError as error:
        messages.error(request, error.message)
    else:
        said_by = str(request.user.pk)
        logger.info("operator_action", action=request.POST["action"], session_id=str(session.pk), by=said_by)
        messages.success(request, said)
    return redirect("admin-operations")


def _session(text: str) -> AgentSession | None:
    try:
        return AgentSession.objects.filter(pk=uuid.UUID(text)).first()
    except ValueError:
        return None


def hand_over(session: AgentSession, now: dt.datetime) -> str:
    """Give the session's turn to another worker, or to the same one again.

    Harmless even while it runs: the next worker takes the lease, and the one before can write no more.
    """
    tasks = ProcrastinateJob.objects.filter(lock=f"{dispatch.LOCK}{session.pk}", status="doing")
    held = list(tasks.values_list("pk", flat=True))
    for task in held:
        app.job_manager.retry_job_by_id(task, retry_at=now)
    count = len(held) + dispatch.rescue_turns(now=now) + dispatch.admit()
    return ngettext("%d turn was queued again.", "%d turns were queued again.", count) % count


def stop(session: AgentSession, now: dt.datetime) -> str:
    """Cancel what runs and give its machine back; the work is kept."""
    services.stop_session(session=session, now=now)
    return _("The session is being stopped and its machine released; the work is kept.")


ACTIONS: dict[str, Callable[[AgentSession, dt.datetime], str]] = {"hand_over": hand_over, "stop": stop}

"""Reads of sessions and their log; the number of queries never depends on the number of rows."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Iterable
from typing import Any, cast

from django.db.models import Case, Exists, OuterRef, Prefetch, Q, QuerySet, Value, When

from accounts.tenancy import TenantQuerySet
from environments.models import MachineStatus
from projects.diffs import Diff
from projects.vault import Vault
from sessions.events import serialize
from sessions.models import (
    AgentSession,
    Checkpoint,
    Event,
    Job,
    JobStatus,
    PermissionRequest,
    PermissionStatus,
)

SUB_AGENT_TOOLS = ("Agent", "Task")
MAX_SUB_AGENT_TEXT = 64 * 1024


def sessions() -> TenantQuerySet[AgentSession]:
    """Sessions that are not deleted, nor is their project."""
    return AgentSession.objects.filter(project__deleted_at=None)


def listed(rows: TenantQuerySet[AgentSession]) -> TenantQuerySet[AgentSession]:
    """With what a list shows besides the row: the sandbox, unfinished jobs, whether someone is waited for."""
    pending = PermissionRequest.objects.filter(session=OuterRef("pk"), status=PermissionStatus.PENDING)
    active = Prefetch("jobs", queryset=_active_jobs(), to_attr="active_jobs")
    shown = rows.select_related("machine").annotate(is_waiting=Exists(pending)).prefetch_related(active)
    return cast("TenantQuerySet[AgentSession]", shown)


def detailed(rows: TenantQuerySet[AgentSession]) -> TenantQuerySet[AgentSession]:
    """With the permission requests that wait, too."""
    pending = PermissionRequest.objects.filter(status=PermissionStatus.PENDING).order_by("created_at", "pk")
    waiting = Prefetch("permission_requests", queryset=pending, to_attr="waiting")
    return cast("TenantQuerySet[AgentSession]", listed(rows).prefetch_related(waiting))


def _active_jobs() -> QuerySet[Job]:
    """The running one first, then those that wait, oldest first."""
    is_running = Case(When(status=JobStatus.PROCESSING, then=Value(0)), default=Value(1))
    jobs = Job.objects.filter(status__in=(JobStatus.PROCESSING, JobStatus.PENDING)).select_related("message")
    return jobs.order_by(is_running, "created_at", "pk")


def container_id(session: AgentSession) -> str | None:
    """The running sandbox's id, while it runs."""
    machine = session.machine
    return str(machine.pk) if machine is not None and machine.status == MachineStatus.RUNNING else None


def events_after(session_id: uuid.UUID, after: int, limit: int) -> list[dict[str, Any]]:
    """The next events of the log, in order."""
    return [
        serialize(event) for event in Event.objects.filter(session_id=session_id, seq__gt=after).order_by("seq")[:limit]
    ]


def live_of(session_id: uuid.UUID) -> dict[str, Any]:
    """The text that streams, as it was when it was last kept; empty when none does."""
    live: dict[str, Any] | None = AgentSession.objects.filter(pk=session_id).values_list("live", flat=True).first()
    return live or {}


def messages_of(jobs: Iterable[Job]) -> list[dict[str, Any]]:
    """The messages of one session's jobs, with what their sub-agents did; one query however many."""
    jobs = list(jobs)
    sub_agents = _sub_agents(jobs)
    return [
        {
            "id": job.message.pk,
            "text": job.message.text,
            "author": job.message.author,
            "job_id": job.pk,
            "created_at": job.message.created_at,
            "sub_agents": sub_agents.get(job.pk, []),
        }
        for job in jobs
    ]


def _sub_agents(jobs: list[Job]) -> dict[uuid.UUID, list[dict[str, Any]]]:
    """Sub-agents by job: what was asked of each, its own text, and what it answered."""
    if not jobs:
        return {}
    is_call = Q(kind="tool.call", payload__name__in=SUB_AGENT_TOOLS)
    is_inside = Q(kind="assistant.text") & ~Q(payload__parent=None)
    rows = Event.objects.filter(is_call | is_inside | Q(kind="tool.result"), session_id=jobs[0].session_id)
    found: dict[uuid.UUID, list[dict[str, Any]]] = defaultdict(list)
    by_call: dict[str, dict[str, Any]] = {}
    for event in rows.filter(job_id__in=[job.pk for job in jobs]).order_by("seq").iterator():
        _note_sub_agent(event, found, by_call)
    return found


def _note_sub_agent(
    event: Event, found: dict[uuid.UUID, list[dict[str, Any]]], by_call: dict[str, dict[str, Any]]
) -> None:
    payload = event.payload
    if event.kind == "tool.call" and event.job_id:
        given = payload["input"] if isinstance(payload["input"], dict) else {}
        agent = {
            "call_id": payload["call_id"],
            "parent": payload["parent"],
            "type": str(given.get("subagent_type", "")),
            "description": str(given.get("description", "")),
            "text": "",
            "result": None,
            "is_error": False,
        }
        by_call[payload["call_id"]] = agent
        found[event.job_id].append(agent)
    elif event.kind == "assistant.text" and (caller := by_call.get(payload["parent"])):
        caller["text"] = f"{caller['text']}\n\n{payload['text']}".strip()[:MAX_SUB_AGENT_TEXT]
    elif event.kind == "tool.result" and (caller := by_call.get(payload["call_id"])):
        caller["result"], caller["is_error"] = payload["text"][:MAX_SUB_AGENT_TEXT], payload["is_error"]


def diff(session: AgentSession) -> Diff:
    """What the session's newest snapshot changes against its base."""
    return Vault(session.project_id).diff(session.base_commit, session.head_commit or session.base_commit)


def checkpoints(session: AgentSession) -> QuerySet[Checkpoint]:
    return Checkpoint.objects.filter(session=session).order_by("pk")

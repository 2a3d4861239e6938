"""Reads of sessions and their log; the number of queries never depends on the number of rows."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from typing import Any, cast

from django.db import connection, transaction
from django.db.models import Case, Exists, OuterRef, Prefetch, Q, QuerySet, Value, When
from django.db.models.functions import Left, Length

from accounts.models import User
from accounts.tenancy import TenantQuerySet
from environments.models import MachineStatus
from projects import finding
from projects.diffs import Diff
from projects.vault import Vault
from sessions import dispatch
from sessions.events import serialize
from sessions.live import frames
from sessions.live.frames import Frame
from sessions.log import archive, backwards
from sessions.log.backwards import LogPage
from sessions.models import (
    AgentSession,
    Attachment,
    Checkpoint,
    Event,
    Job,
    JobStatus,
    PermissionRequest,
    PermissionRule,
    PermissionStatus,
    Prompt,
)

SUB_AGENT_TOOLS = ("Agent", "Task")
SUB_AGENT_KINDS = ("tool.call", "assistant.text", "tool.result")
MAX_SUB_AGENT_TEXT = 64 * 1024
MAX_LABEL = 200
MAX_QUEUED_TEXT = 20_000  # characters of a waiting message that are shown with its session; the log has them all


def sessions() -> TenantQuerySet[AgentSession]:
    """Sessions that are not deleted, nor is their project."""
    return AgentSession.objects.filter(project__deleted_at=None)


def unarchived() -> TenantQuerySet[AgentSession]:
    """Those that lists show by themselves."""
    return sessions().filter(archived_at=None)


def named(rows: TenantQuerySet[AgentSession], asked: str) -> TenantQuerySet[AgentSession]:
    """Those in whose name, title or branch all the words are that somebody remembers."""
    for word in asked.split():
        rows = rows.filter(Q(name__icontains=word) | Q(title__icontains=word) | Q(branch__icontains=word))
    return rows


def listed(rows: TenantQuerySet[AgentSession]) -> TenantQuerySet[AgentSession]:
    """With what a list shows besides the row: the sandbox, unfinished jobs, whether someone is waited for."""
    pending = PermissionRequest.objects.filter(session=OuterRef("pk"), status=PermissionStatus.PENDING)
    active = Prefetch("jobs", queryset=_active_jobs(), to_attr="active_jobs")
    shown = rows.select_related("machine", "environment").annotate(is_waiting=Exists(pending)).prefetch_related(active)
    return cast("TenantQuerySet[AgentSession]", shown)


def detailed(rows: TenantQuerySet[AgentSession]) -> TenantQuerySet[AgentSession]:
    """With the permission requests and the messages that wait, too."""
    pending = PermissionRequest.objects.filter(status=PermissionStatus.PENDING).order_by("created_at", "pk")
    waiting = Prefetch("permission_requests", queryset=pending, to_attr="waiting")
    queue = Prefetch("jobs", queryset=_waiting_messages(), to_attr="queue")
    return cast("TenantQuerySet[AgentSession]", listed(rows).prefetch_related(waiting, queue))


def _active_jobs() -> QuerySet[Job]:
    """The running one first, then those that wait, oldest first."""
    is_running = Case(When(status=JobStatus.PROCESSING, then=Value(0)), default=Value(1))
    jobs = Job.objects.filter(status__in=(JobStatus.PROCESSING, JobStatus.PENDING)).select_related("message")
    return jobs.defer("message__text").order_by(is_running, "-is_urgent", "created_at", "pk")


def _waiting_messages() -> QuerySet[Job]:
    """Jobs that wait with their messages, in the order in which the agent gets them; long texts are cut."""
    jobs = Job.objects.filter(status=JobStatus.PENDING, message__isnull=False)
    shown = jobs.annotate(shown_text=Left("message__text", MAX_QUEUED_TEXT), text_length=Length("message__text"))
    shown = shown.select_related("message__author").defer("message__text").prefetch_related(images_of_messages())
    return shown.order_by("-is_urgent", "created_at", "pk")


def images_of_messages() -> Prefetch[str]:
    """The images that go with jobs' messages, without their bytes."""
    return Prefetch("message__attachments", queryset=Attachment.objects.defer("data").order_by("position", "pk"))


@contextmanager
def one_moment() -> Iterator[None]:
    """All reads of the block see the database as it was at the first of them: a session and its jobs agree.

    Inside a transaction that has begun already it is too late for that, and the block is like any other.
    """
    if connection.in_atomic_block:
        yield
        return
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("set transaction isolation level repeatable read, read only")
        yield


def place(rows: Sequence[AgentSession]) -> None:
    """Note at each job which one it is in the queue; one query for all these sessions, for most of them none."""
    jobs = [job for row in rows for name in ("active_jobs", "queue") for job in getattr(row, name, ())]
    place_jobs(jobs)


def place_jobs(jobs: Sequence[Job]) -> None:
    waiting = {job.session_id for job in jobs if job.status == JobStatus.PENDING and job.admitted_at is None}
    places = dispatch.places(waiting) if waiting else {}
    for job in jobs:
        job.place = places.get(job.pk)  # type: ignore[attr-defined]


def rules_of(session: AgentSession) -> QuerySet[PermissionRule]:
    """What holds in a session: its own rules and its project's."""
    own = Q(session=session) | Q(session=None, project_id=session.project_id)
    return PermissionRule.objects.filter(own).select_related("created_by").order_by("pk")


def rules_of_project(project_id: uuid.UUID) -> QuerySet[PermissionRule]:
    """What holds in all sessions of a project."""
    rules = PermissionRule.objects.filter(session=None, project_id=project_id)
    return rules.select_related("created_by").order_by("pk")


def rules() -> TenantQuerySet[PermissionRule]:
    """Rules of what is not deleted."""
    gone = Q(project__deleted_at__isnull=False) | Q(session__deleted_at__isnull=False)
    alive: TenantQuerySet[PermissionRule] = PermissionRule.objects.exclude(gone)
    return alive


def container_id(session: AgentSession) -> str | None:
    """The running sandbox's id, while it runs: its platform's own where that gives one, else the machine's."""
    machine = session.machine
    if machine is None or machine.status != MachineStatus.RUNNING:
        return None
    return str(machine.handle.get("id") or machine.pk)


def events_after(session_id: uuid.UUID, after: int, limit: int) -> list[dict[str, Any]]:
    """The next events of the log, in order; also those that are archived."""
    rows = Event.objects.filter(session_id=session_id, seq__gt=after).order_by("seq")[:limit]
    found = [serialize(event) for event in rows]
    if found and found[0]["seq"] == after + 1:
        return found
    return archive.joined(archive.after(session_id, after, limit), found, limit)


def page_before(session: AgentSession, before: int, limit: int) -> LogPage:
    """The last events before a number, with what they refer to; in the moment in which the session was read."""
    is_newest = before > session.last_seq
    return backwards.page_before(session.pk, min(before, session.last_seq + 1), limit, is_newest=is_newest)


def newest_page(session: AgentSession, limit: int) -> LogPage:
    """The log's end, with what is not over."""
    return page_before(session, session.last_seq + 1, limit)


def page_after(session_id: uuid.UUID, after: int, limit: int, max_bytes: int) -> list[Frame]:
    """The next events as frames: at most so many and, beyond the first, at most so many bytes; nothing is parsed."""
    with connection.cursor() as cursor:
        cursor.execute(_PAGE, [session_id, after, limit, max_bytes])
        found = [frames.event(*row) for row in cursor.fetchall()]
    if found and found[0].seq == after + 1:
        return found
    return _with_archived(session_id, after, limit, max_bytes) or found


def _with_archived(session_id: uuid.UUID, after: int, limit: int, max_bytes: int) -> list[Frame]:
    """A page that begins in the archive; empty when there is nothing of it."""
    older = archive.after(session_id, after, limit)
    found: list[Frame] = []
    size = 0
    for event in older and events_after(session_id, after, limit):
        if size >= max_bytes:
            break
        found.append(frames.of_event(event))
        size += len(found[-1].body)
    return found


_PAGE = """
SELECT seq, kind, payload, job_id, created_at FROM (
    SELECT *, sum(octet_length(payload)) OVER (ORDER BY seq) - octet_length(payload) AS bytes_before FROM (
        SELECT seq, kind, payload::text AS payload, job_id, created_at FROM agent_sessions_event
        WHERE session_id = %s AND seq > %s ORDER BY seq LIMIT %s
    ) page
) page WHERE bytes_before < %s ORDER BY seq
"""


def last_seqs(session_ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, int]:
    """How far the logs reach."""
    return dict(AgentSession.objects.filter(pk__in=session_ids).values_list("pk", "last_seq"))


def waiting_jobs(session_ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, uuid.UUID]:
    """Jobs that have not begun, with their sessions."""
    jobs = Job.objects.filter(session_id__in=session_ids, status=JobStatus.PENDING)
    return dict(jobs.values_list("pk", "session_id"))


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
            "edited_at": job.message.edited_at,
            "attachments": job.message.attachments,
            "sub_agents": sub_agents.get(job.pk, []),
        }
        for job in jobs
    ]


def _sub_agents(jobs: list[Job]) -> dict[uuid.UUID, list[dict[str, Any]]]:
    """Sub-agents by job: what was asked of each, its own text, and what it answered."""
    if not jobs:
        return {}
    wanted = {job.pk for job in jobs}
    session_id = jobs[0].session_id
    is_call = Q(kind="tool.call", payload__name__in=SUB_AGENT_TOOLS)
    is_inside = Q(kind="assistant.text") & ~Q(payload__parent=None)
    rows = Event.objects.filter(is_call | is_inside | Q(kind="tool.result"), session_id=session_id)
    live = rows.filter(job_id__in=wanted).order_by("seq").iterator()
    found: dict[uuid.UUID, list[dict[str, Any]]] = defaultdict(list)
    by_call: dict[str, dict[str, Any]] = {}
    for event in chain(archive.events(session_id, SUB_AGENT_KINDS), live):
        if event.job_id in wanted:
            _note_sub_agent(event, found, by_call)
    return found


def _note_sub_agent(
    event: Event, found: dict[uuid.UUID, list[dict[str, Any]]], by_call: dict[str, dict[str, Any]]
) -> None:
    payload = event.payload
    if event.kind == "tool.call" and event.job_id:
        if payload["name"] not in SUB_AGENT_TOOLS:
            return
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


def files(session: AgentSession, query: str, limit: int) -> dict[str, Any]:
    """Paths of the newest snapshot by a few letters; what the session changed comes first where it can."""
    vault, head = Vault(session.project_id), session.head_commit or session.base_commit
    listing, recent = vault.files(head), vault.changed_names(session.base_commit, head)
    paths = finding.find(listing, query, limit, recent)
    known = set(recent)
    items = [
        {"path": path.removesuffix("/"), "is_folder": path.endswith("/"), "is_recent": path in known} for path in paths
    ]
    return {"items": items, "is_truncated": listing.is_truncated, "commit": head}


def checkpoints(session: AgentSession) -> QuerySet[Checkpoint]:
    """Oldest first, each with the beginning of the message that its turn began with."""
    rows = Checkpoint.objects.filter(session=session).select_related("restoration")
    return rows.annotate(label=Left("job__message__text", MAX_LABEL)).order_by("created_at", "pk")


def changes_by_restoring(session: AgentSession, checkpoint: Checkpoint) -> Diff:
    """What the newest snapshot would become, were the checkpoint restored."""
    return Vault(session.project_id).diff(session.head_commit or session.base_commit, checkpoint.commit)


def prompts(user: User) -> TenantQuerySet[Prompt]:
    """What a person asked before in projects that are there; nobody else has a query for it."""
    found: TenantQuerySet[Prompt] = Prompt.objects.filter(user=user, project__deleted_at=None)
    return found

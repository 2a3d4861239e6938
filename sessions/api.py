"""The sessions API; docs/api.md describes it."""

from __future__ import annotations

import uuid
from typing import Any

from django.db import connection
from django.http import StreamingHttpResponse
from django.utils import timezone
from django.utils.http import content_disposition_header
from django.utils.translation import get_language
from ninja import Query, Router

from accounts.auth import ActorRequest
from accounts.client_keys import client_key
from accounts.pagination import Page, PageIn, Slice, paginate
from accounts.tenancy import Actor, Role, TenantQuerySet, fetch
from projects.models import Project
from sessions import message_api, prompt_api, queries, rule_api, services, tree_api, work_api
from sessions.live.credentials import Credentials
from sessions.live.export import markdown
from sessions.live.start import Start
from sessions.live.stream import sse
from sessions.models import AgentSession, PermissionRequest
from sessions.schemas import (
    AnswerIn,
    JobIn,
    LogOut,
    LogQuery,
    Looked,
    NewSessionsIn,
    PermissionOut,
    SessionFilter,
    SessionListed,
    SessionOut,
    SessionPatch,
    SessionsOut,
    StopIn,
)

router = Router(tags=["sessions"])
router.add_router("", message_api.router)
router.add_router("", prompt_api.router)
router.add_router("", rule_api.router)
router.add_router("", tree_api.router)
router.add_router("", work_api.router)


@router.get("/projects/{uuid:project_id}/sessions", response=Page[SessionListed])
def list_project_sessions(
    request: ActorRequest, project_id: uuid.UUID, page: Query[PageIn], which: Query[Looked]
) -> Slice[AgentSession]:
    """A project's sessions, newest first."""
    project = _project(request.actor, project_id, Role.VIEWER)
    return _list(request.actor, _among(which).filter(project=project), page)


@router.get("/sessions", response=Page[SessionListed])
def list_sessions(
    request: ActorRequest, page: Query[PageIn], only: Query[SessionFilter], which: Query[Looked]
) -> Slice[AgentSession]:
    """An organisation's or a project's sessions, or those of all the caller's organisations; newest first."""
    if only.organization_id is not None:
        request.actor.require(only.organization_id, Role.VIEWER)
    if only.project_id is not None:
        _project(request.actor, only.project_id, Role.VIEWER)
    return _list(request.actor, _among(which).filter(**only.dict(exclude_none=True)), page)


@router.post("/projects/{uuid:project_id}/sessions", response={201: SessionsOut})
def create_sessions(request: ActorRequest, project_id: uuid.UUID, body: NewSessionsIn) -> dict[str, Any]:
    """Start one to ten sessions, each with its own branch, working tree and agent."""
    project = _project(request.actor, project_id, Role.MEMBER)
    key = client_key(request, body.id or body.message_id)
    new = services.NewSessions(**body.dict(exclude={"id", "message_id"}), key=key)
    created = services.create_sessions(actor=request.actor, project=project, new=new, now=timezone.now())
    with queries.one_moment():
        rows = queries.detailed(queries.sessions()).in_bulk([session.pk for session in created])
        queries.place(list(rows.values()))
    return {"items": [rows[session.pk] for session in created]}


@router.get("/sessions/{uuid:session_id}", response=SessionOut)
def read_session(request: ActorRequest, session_id: uuid.UUID) -> AgentSession:
    with queries.one_moment():
        session = fetch(queries.detailed(queries.sessions()), request.actor, session_id)
        queries.place([session])
        return session


@router.patch("/sessions/{uuid:session_id}", response=SessionOut)
def update_session(request: ActorRequest, session_id: uuid.UUID, body: SessionPatch) -> AgentSession:
    """Rename, or change the model or the permission mode."""
    services.update_session(session=_session(request, session_id), **body.dict(), now=timezone.now())
    return read_session(request, session_id)


@router.delete("/sessions/{uuid:session_id}", response={204: None})
def delete_session(request: ActorRequest, session_id: uuid.UUID) -> None:
    """Stop the agent and remove its working tree."""
    services.delete_session(session=_session(request, session_id), now=timezone.now())


@router.get("/sessions/{uuid:session_id}/events", response=LogOut)
def list_events(request: ActorRequest, session_id: uuid.UUID, query: Query[LogQuery]) -> dict[str, Any]:
    """The log after a number, or the page before one; any number beyond the end gives the newest page."""
    if query.before is not None:
        return _page_before(request, session_id, query.before, query.limit)
    session = fetch(queries.sessions(), request.actor, session_id)
    items = queries.events_after(session.pk, query.after, query.limit)
    reached = items[-1]["seq"] if items else query.after
    return {
        "items": items,
        "last_seq": max(session.last_seq, reached if items else 0),
        "has_more": reached < session.last_seq,
    }


@router.get("/sessions/{uuid:session_id}/stream")
def stream(request: ActorRequest, session_id: uuid.UUID, after: str = "", tail: str = "") -> StreamingHttpResponse:
    """The log after a number, or its newest page, and then as it grows, as server-sent events."""
    start = Start.asked(request.headers.get("Last-Event-ID") or after, tail)
    session = fetch(queries.sessions(), request.actor, session_id)
    key = request.session.session_key if request.actor.token_id is None else None
    credentials = Credentials(request.actor, key)
    response = StreamingHttpResponse(sse(session.pk, start, credentials), content_type="text/event-stream")
    response["Cache-Control"] = "no-store"
    response["X-Accel-Buffering"] = "no"
    if not connection.in_atomic_block:
        connection.close()  # back to the pool: Django itself would hold it until the stream ends
    return response


@router.get("/sessions/{uuid:session_id}/conversation.md")
def export(request: ActorRequest, session_id: uuid.UUID) -> StreamingHttpResponse:
    """All of the conversation as Markdown, in the reader's language."""
    session = fetch(queries.sessions(), request.actor, session_id)
    response = StreamingHttpResponse(
        markdown(session, get_language() or "en"), content_type="text/markdown; charset=utf-8"
    )
    name = session.branch.rpartition("/")[2] or "conversation"
    response["Content-Disposition"] = content_disposition_header(as_attachment=True, filename=f"{name}.md") or ""
    response["Cache-Control"] = "no-store"
    if not connection.in_atomic_block:
        connection.close()  # as for a stream
    return response


@router.post("/sessions/{uuid:session_id}/approve", response=PermissionOut)
def answer_permission(request: ActorRequest, session_id: uuid.UUID, body: AnswerIn) -> PermissionRequest:
    """Allow or deny what the agent asks; the first answer counts."""
    given = services.Answer(
        body.decision,
        reason=body.reason,
        answers=body.answers,
        is_always=body.always,
        scope=body.scope,
        only=body.only,
        mode=body.mode,
    )
    return services.answer_permission(
        session=_session(request, session_id),
        permission_id=body.permission_id,
        by=request.actor.user,
        answer=given,
        now=timezone.now(),
    )


@router.post("/sessions/{uuid:session_id}/interrupt", response={202: SessionOut})
def interrupt(request: ActorRequest, session_id: uuid.UUID, body: JobIn | None = None) -> AgentSession:
    """Ask the agent to end its turn; with a job's id that turn only, so that it can be repeated."""
    job_id, key = body.job_id if body else None, client_key(request, None)
    services.interrupt(session=_session(request, session_id), job_id=job_id, key=key, now=timezone.now())
    return read_session(request, session_id)


@router.post("/sessions/{uuid:session_id}/cancel", response={202: SessionOut})
def cancel(request: ActorRequest, session_id: uuid.UUID, body: JobIn | None = None) -> AgentSession:
    """Cancel one job, or all that run and wait."""
    job_id, key = body.job_id if body else None, client_key(request, None)
    services.cancel(session=_session(request, session_id), job_id=job_id, key=key, now=timezone.now())
    return read_session(request, session_id)


@router.post("/sessions/{uuid:session_id}/stop", response={202: SessionOut})
def stop_session(request: ActorRequest, session_id: uuid.UUID, body: StopIn | None = None) -> AgentSession:
    """End the sandbox, keeping the work; with `force` also when the work cannot be saved."""
    session, key = _session(request, session_id), client_key(request, None)
    services.stop_session(session=session, is_forced=bool(body and body.force), key=key, now=timezone.now())
    return read_session(request, session_id)


@router.post("/sessions/{uuid:session_id}/restart", response={202: SessionOut})
def restart_session(request: ActorRequest, session_id: uuid.UUID) -> AgentSession:
    """Go on after a turn that failed or was cancelled."""
    session, key = _session(request, session_id), client_key(request, None)
    services.restart_session(session=session, by=request.actor.user, key=key, now=timezone.now())
    return read_session(request, session_id)


def _project(actor: Actor, project_id: uuid.UUID, role: Role) -> Project:
    return fetch(Project, actor, project_id, role)


def _session(request: ActorRequest, session_id: uuid.UUID) -> AgentSession:
    return fetch(queries.sessions(), request.actor, session_id, Role.MEMBER)


def _among(which: Looked) -> TenantQuerySet[AgentSession]:
    """The sessions among which a list chooses."""
    rows = queries.unarchived() if which.archived == "false" else queries.sessions()
    if which.archived == "true":
        rows = rows.exclude(archived_at=None)
    return queries.named(rows, which.q)


def _list(actor: Actor, rows: TenantQuerySet[AgentSession], page: PageIn) -> Slice[AgentSession]:
    with queries.one_moment():
        found = paginate(queries.listed(rows.visible_to(actor)), page)
        queries.place(found.items)
        return found


def _page_before(request: ActorRequest, session_id: uuid.UUID, before: int, limit: int) -> dict[str, Any]:
    with queries.one_moment():
        session = fetch(queries.sessions(), request.actor, session_id)
        page = queries.page_before(session, before, limit)
    return {**page.shown(), "last_seq": session.last_seq}

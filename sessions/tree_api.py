"""The API of an organisation's tree: all of it, as it changes, and what people note about sessions for themselves."""

from __future__ import annotations

import uuid

from django.db import connection
from django.http import StreamingHttpResponse
from django.utils import timezone
from ninja import Router

from accounts.auth import ActorRequest
from accounts.tenancy import Role, fetch
from sessions import queries, services, tree
from sessions.live import activity
from sessions.live.credentials import Credentials
from sessions.models import AgentSession, SessionMark
from sessions.schemas import ArchiveIn, MarkIn, MarkOut, OrderIn, SessionOut, TreeOut

router = Router(tags=["sessions"])


@router.get("/orgs/{uuid:organization_id}/tree", response=TreeOut)
def read_tree(request: ActorRequest, organization_id: uuid.UUID) -> dict[str, list[tree.Row]]:
    """Projects, sessions that are not archived, and what the caller has noted about them."""
    request.actor.require(organization_id, Role.VIEWER)
    return tree.whole(organization_id, request.actor.user.pk)


@router.get("/orgs/{uuid:organization_id}/activity")
def stream_activity(request: ActorRequest, organization_id: uuid.UUID) -> StreamingHttpResponse:
    """The tree, and then its changes, as server-sent events."""
    request.actor.require(organization_id, Role.VIEWER)
    key = request.session.session_key if request.actor.token_id is None else None
    body = activity.sse(organization_id, Credentials(request.actor, key))
    response = StreamingHttpResponse(body, content_type="text/event-stream")
    response["Cache-Control"] = "no-store"
    response["X-Accel-Buffering"] = "no"
    if not connection.in_atomic_block:
        connection.close()  # back to the pool: Django itself would hold it until the stream ends
    return response


@router.put("/orgs/{uuid:organization_id}/session-order", response={204: None})
def order_sessions(request: ActorRequest, organization_id: uuid.UUID, body: OrderIn) -> None:
    """In which order the caller wants these sessions to stand."""
    request.actor.require(organization_id, Role.VIEWER)
    services.order_sessions(organization_id=organization_id, user=request.actor.user, session_ids=body.session_ids)


@router.put("/sessions/{uuid:session_id}/mark", response=MarkOut)
def mark_session(request: ActorRequest, session_id: uuid.UUID, body: MarkIn) -> SessionMark:
    """How far the caller has read, and whether the session is pinned in the caller's tree."""
    session = fetch(queries.sessions(), request.actor, session_id)
    return services.mark_session(session=session, user=request.actor.user, **body.dict())


@router.post("/sessions/{uuid:session_id}/archive", response=SessionOut)
def archive_session(request: ActorRequest, session_id: uuid.UUID, body: ArchiveIn | None = None) -> AgentSession:
    """Put the session away: it is in no list, its sandbox ends, its work is kept."""
    session = fetch(queries.sessions(), request.actor, session_id, Role.MEMBER)
    is_stopped_first = body is not None and body.stop
    services.archive_session(session=session, is_stopped_first=is_stopped_first, now=timezone.now())
    return _shown(request, session_id)


@router.post("/sessions/{uuid:session_id}/unarchive", response=SessionOut)
def unarchive_session(request: ActorRequest, session_id: uuid.UUID) -> AgentSession:
    """Bring the session back."""
    session = fetch(queries.sessions(), request.actor, session_id, Role.MEMBER)
    services.unarchive_session(session=session, now=timezone.now())
    return _shown(request, session_id)


@router.post("/sessions/{uuid:session_id}/undelete", response=SessionOut)
def undelete_session(request: ActorRequest, session_id: uuid.UUID) -> AgentSession:
    """Take back that the session was deleted, for a few minutes."""
    now = timezone.now()
    session = fetch(services.deleted_sessions(now=now), request.actor, session_id, Role.MEMBER)
    services.undelete_session(session=session, now=now)
    return _shown(request, session_id)


def _shown(request: ActorRequest, session_id: uuid.UUID) -> AgentSession:
    with queries.one_moment():
        session = fetch(queries.detailed(queries.sessions()), request.actor, session_id)
        queries.place([session])
        return session

"""The API of a session's working tree, as its snapshots have it: changes, files and checkpoints."""

from __future__ import annotations

import uuid
from typing import Any

from django.utils import timezone
from ninja import Query, Router

from accounts.auth import ActorRequest
from accounts.client_keys import client_key
from accounts.tenancy import Role, fetch
from environments.models import Environment
from projects.diffs import Diff
from sessions import queries, services
from sessions.models import AgentSession, Checkpoint
from sessions.schemas import SessionOut
from sessions.work_schemas import CheckpointsOut, DiffOut, FilesOut, FilesQuery, MoveIn, PrewarmOut, RestoreIn

router = Router(tags=["sessions"])


@router.get("/sessions/{uuid:session_id}/diff", response=DiffOut)
def read_diff(request: ActorRequest, session_id: uuid.UUID) -> Diff:
    """What the session has changed since its base commit."""
    return queries.diff(fetch(queries.sessions(), request.actor, session_id))


@router.get("/sessions/{uuid:session_id}/files", response=FilesOut)
def find_files(request: ActorRequest, session_id: uuid.UUID, query: Query[FilesQuery]) -> dict[str, Any]:
    """Files and folders of the newest snapshot by a few letters of their paths, the best first."""
    return queries.files(fetch(queries.sessions(), request.actor, session_id), query.q, query.limit)


@router.get("/sessions/{uuid:session_id}/checkpoints", response=CheckpointsOut)
def list_checkpoints(request: ActorRequest, session_id: uuid.UUID) -> dict[str, Any]:
    """The working tree after each turn, oldest first."""
    return {"items": list(queries.checkpoints(fetch(queries.sessions(), request.actor, session_id)))}


@router.get("/sessions/{uuid:session_id}/checkpoints/{uuid:checkpoint_id}/changes", response=DiffOut)
def preview_restore(request: ActorRequest, session_id: uuid.UUID, checkpoint_id: uuid.UUID) -> Diff:
    """What restoring the checkpoint would do to the newest snapshot."""
    session = fetch(queries.sessions(), request.actor, session_id)
    return queries.changes_by_restoring(session, _checkpoint(request, session, checkpoint_id))


@router.post("/sessions/{uuid:session_id}/restore", response={202: SessionOut})
def restore_checkpoint(request: ActorRequest, session_id: uuid.UUID, body: RestoreIn) -> AgentSession:
    """Make the working tree what a checkpoint holds; what it was before becomes a checkpoint, which takes it back."""
    session = fetch(queries.sessions(), request.actor, session_id, Role.MEMBER)
    services.restore_checkpoint(
        session=session,
        checkpoint=_checkpoint(request, session, body.checkpoint_id),
        by=request.actor.user,
        key=client_key(request, body.id),
        now=timezone.now(),
    )
    return _shown(request, session_id)


@router.post("/sessions/{uuid:session_id}/move", response={202: SessionOut})
def move_session(request: ActorRequest, session_id: uuid.UUID, body: MoveIn) -> AgentSession:
    """Go on in another environment, with the working tree and the conversation. The same id again changes nothing."""
    session = fetch(queries.sessions(), request.actor, session_id, Role.MEMBER)
    environments = Environment.objects.filter(organization_id=session.organization_id)
    services.move_session(
        session=session,
        environment=fetch(environments, request.actor, body.environment_id),
        by=request.actor.user,
        key=client_key(request, body.id),
        now=timezone.now(),
    )
    return _shown(request, session_id)


@router.post("/sessions/{uuid:session_id}/prewarm", response={202: PrewarmOut})
def prewarm_session(request: ActorRequest, session_id: uuid.UUID) -> dict[str, bool]:
    """Make the sandbox ready for a message that may come soon, if that is allowed and not done already."""
    rows = queries.sessions().select_related("machine")
    session = fetch(rows, request.actor, session_id, Role.MEMBER)
    return {"is_warming": services.prewarm(session=session, by=request.actor.user, now=timezone.now())}


@router.post("/environments/{uuid:environment_id}/prewarm", response={202: PrewarmOut})
def prewarm_environment(request: ActorRequest, environment_id: uuid.UUID) -> dict[str, bool]:
    """Make a sandbox ready for a session that may soon be made there, if that is allowed and not done already."""
    environment = fetch(Environment, request.actor, environment_id, Role.MEMBER)
    made = services.prewarm_environment(environment=environment, by=request.actor.user, now=timezone.now())
    return {"is_warming": made}


def _shown(request: ActorRequest, session_id: uuid.UUID) -> AgentSession:
    with queries.one_moment():
        shown = fetch(queries.detailed(queries.sessions()), request.actor, session_id)
        queries.place([shown])
        return shown


def _checkpoint(request: ActorRequest, session: AgentSession, id: uuid.UUID) -> Checkpoint:
    return fetch(Checkpoint.objects.filter(session=session), request.actor, id)

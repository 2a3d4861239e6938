"""The API of a session's working tree, as its snapshots have it: changes, files and checkpoints."""

from __future__ import annotations

import uuid
from typing import Any

from ninja import Query, Router

from accounts.auth import ActorRequest
from accounts.tenancy import fetch
from projects.diffs import Diff
from sessions import queries
from sessions.work_schemas import CheckpointsOut, DiffOut, FilesOut, FilesQuery

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

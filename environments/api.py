"""The environments API."""

from __future__ import annotations

import uuid
from typing import Any

from ninja import Query, Router

from accounts.auth import ActorRequest
from accounts.client_keys import client_key
from accounts.pagination import Page, PageIn, Slice, paginate
from accounts.tenancy import Role, fetch
from environments import health, services
from environments.models import Environment
from environments.schemas import EnvironmentIn, EnvironmentOut, EnvironmentPatch, StatusOut

router = Router(tags=["environments"])


@router.get("/environments", response=Page[EnvironmentOut])
def list_environments(
    request: ActorRequest, page: Query[PageIn], organization_id: uuid.UUID | None = None
) -> Slice[Environment]:
    """The environments of one organisation, or of all of the caller's, in the order they were made."""
    rows = Environment.objects.visible_to(request.actor)
    if organization_id is not None:
        request.actor.require(organization_id, Role.VIEWER)
        rows = rows.filter(organization_id=organization_id)
    return paginate(rows, page, newest_first=False)


@router.post("/environments", response={201: EnvironmentOut})
def create_environment(request: ActorRequest, payload: EnvironmentIn) -> Environment:
    """Add an environment. The same id again gives the one that it made."""
    key = client_key(request, payload.id)
    return services.create_environment(actor=request.actor, key=key, **payload.dict(exclude={"id"}))


@router.get("/environments/{uuid:environment_id}", response=EnvironmentOut)
def read_environment(request: ActorRequest, environment_id: uuid.UUID) -> Environment:
    return fetch(Environment, request.actor, environment_id)


@router.get("/environments/{uuid:environment_id}/status", response=StatusOut)
def read_status(request: ActorRequest, environment_id: uuid.UUID) -> dict[str, Any]:
    return health.status_of(fetch(Environment, request.actor, environment_id))


@router.patch("/environments/{uuid:environment_id}", response=EnvironmentOut)
def update_environment(request: ActorRequest, environment_id: uuid.UUID, payload: EnvironmentPatch) -> Environment:
    return services.update_environment(actor=request.actor, id=environment_id, **payload.dict())


@router.delete("/environments/{uuid:environment_id}", response={204: None})
def delete_environment(request: ActorRequest, environment_id: uuid.UUID) -> None:
    services.delete_environment(actor=request.actor, id=environment_id)

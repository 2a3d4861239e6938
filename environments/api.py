"""The environments API."""

from __future__ import annotations

import uuid
from typing import Any

from asgiref.sync import async_to_sync
from django.http import StreamingHttpResponse
from django.utils import timezone
from ninja import Query, Router, Status

from accounts import stream
from accounts.auth import ActorRequest
from accounts.client_keys import client_key
from accounts.pagination import Page, PageIn, Slice, paginate
from accounts.tenancy import Role, TenantQuerySet, fetch
from environments import configs, health, host_keys, services
from environments.images.api import router as images_router
from environments.models import Environment, EnvironmentCheck, EnvironmentKind
from environments.schemas import (
    AllLeftBehindOut,
    CheckIn,
    CheckOut,
    CredentialIn,
    CredentialOut,
    DeleteQuery,
    EnvironmentIn,
    EnvironmentListed,
    EnvironmentOut,
    EnvironmentPatch,
    HostKeyIn,
    HostKeyOut,
    LeftBehindQuery,
    ListQuery,
    StatusOut,
    UsesOut,
)
from environments.uses import Use, uses_of
from gateway.keys import Source

router = Router(tags=["environments"])
router.add_router("", images_router)


@router.get("/environments", response=Page[EnvironmentListed])
def list_environments(request: ActorRequest, page: Query[PageIn], query: Query[ListQuery]) -> Slice[Environment]:
    """The environments of one organisation, or of all of the caller's, in the order they were made."""
    rows = Environment.objects.visible_to(request.actor).prefetch_related("secrets")
    if query.organization_id is not None:
        request.actor.require(query.organization_id, Role.VIEWER)
        rows = rows.filter(organization_id=query.organization_id)
    found = paginate(rows, page, newest_first=False)
    practising = services.practising(found.items)
    for row in found.items:
        row.is_practice = row.pk in practising  # type: ignore[attr-defined]
    if query.include_status or query.is_status_included:
        told = async_to_sync(health.statuses)(found.items)
        for row in found.items:
            row.status = told[row.pk]  # type: ignore[attr-defined]
    return found


@router.post("/environments", response={201: EnvironmentOut})
def create_environment(request: ActorRequest, payload: EnvironmentIn) -> Environment:
    """Add an environment. The same id again gives the one that it made."""
    key = client_key(request, payload.id)
    return services.create_environment(actor=request.actor, key=key, now=timezone.now(), **payload.dict(exclude={"id"}))


@router.post("/environments/host-key", response=HostKeyOut)
def fetch_host_key(request: ActorRequest, payload: HostKeyIn) -> dict[str, str]:
    """Ask a machine for its SSH key, as the form that adds it does; nothing is stored."""
    request.actor.require(payload.organization_id, Role.ADMIN)
    configs.require_available(EnvironmentKind.SSH)
    return async_to_sync(host_keys.fetch)(payload.host.strip(), payload.port)


@router.get("/environments/left-behind", response=AllLeftBehindOut)
def list_left_behind(request: ActorRequest, query: Query[LeftBehindQuery]) -> dict[str, list[services.LeftBehind]]:
    """Files that could not be removed where they lie, and are left to people; of deleted environments, too."""
    request.actor.require(query.organization_id, Role.ADMIN)
    return {"items": services.left_behind(query.organization_id)}


@router.delete("/environments/{uuid:environment_id}/left-behind", response={204: None})
def dismiss_left_behind(request: ActorRequest, environment_id: uuid.UUID) -> None:
    """They were removed by hand, or may lie; the environment may be deleted."""
    services.dismiss_left_behind(actor=request.actor, id=environment_id, now=timezone.now())


@router.get("/environments/{uuid:environment_id}", response=EnvironmentOut)
def read_environment(request: ActorRequest, environment_id: uuid.UUID) -> Environment:
    return fetch(Environment, request.actor, environment_id)


@router.get("/environments/{uuid:environment_id}/status", response=StatusOut)
def read_status(request: ActorRequest, environment_id: uuid.UUID) -> dict[str, Any]:
    return async_to_sync(health.status_of)(fetch(Environment, request.actor, environment_id))


@router.get("/environments/{uuid:environment_id}/uses", response=UsesOut)
def read_uses(request: ActorRequest, environment_id: uuid.UUID) -> dict[str, list[Use]]:
    """Sessions and projects that use it: what a deletion would touch."""
    return {"items": uses_of(fetch(Environment, request.actor, environment_id))}


@router.patch("/environments/{uuid:environment_id}", response=EnvironmentOut)
def update_environment(request: ActorRequest, environment_id: uuid.UUID, payload: EnvironmentPatch) -> Environment:
    return services.update_environment(actor=request.actor, id=environment_id, now=timezone.now(), **payload.dict())


@router.delete("/environments/{uuid:environment_id}", response={204: None})
def delete_environment(request: ActorRequest, environment_id: uuid.UUID, query: Query[DeleteQuery]) -> None:
    """While sessions run in it only with `force`: they stop then, and keep their work."""
    services.delete_environment(actor=request.actor, id=environment_id, force=query.force, now=timezone.now())


@router.post("/environments/{uuid:environment_id}/undelete", response=EnvironmentOut)
def undelete_environment(request: ActorRequest, environment_id: uuid.UUID) -> Environment:
    """Take a deletion back, within ten minutes."""
    return services.undelete_environment(actor=request.actor, id=environment_id, now=timezone.now())


@router.post("/environments/{uuid:environment_id}/tests", response={202: CheckOut})
def test_environment(request: ActorRequest, environment_id: uuid.UUID, payload: CheckIn) -> Status[EnvironmentCheck]:
    """Let a worker try it out; the test that is under way is given instead of a second one."""
    check = services.request_check(
        actor=request.actor, environment_id=environment_id, is_quick=payload.is_quick, now=timezone.now()
    )
    return Status(202, check)


@router.get("/environments/{uuid:environment_id}/tests", response=Page[CheckOut])
def list_tests(request: ActorRequest, environment_id: uuid.UUID, page: Query[PageIn]) -> Slice[EnvironmentCheck]:
    """The last tests, the newest first."""
    environment = fetch(Environment, request.actor, environment_id)
    return paginate(EnvironmentCheck.objects.filter(environment=environment), page)


@router.get("/environments/{uuid:environment_id}/tests/{uuid:check_id}", response=CheckOut)
def read_test(request: ActorRequest, environment_id: uuid.UUID, check_id: uuid.UUID) -> EnvironmentCheck:
    return fetch(_checks_of(environment_id), request.actor, check_id)


@router.get("/environments/{uuid:environment_id}/tests/{uuid:check_id}/stream", response=None)
def stream_test(request: ActorRequest, environment_id: uuid.UUID, check_id: uuid.UUID) -> StreamingHttpResponse:
    return stream.respond(request, request.actor, fetch(_checks_of(environment_id), request.actor, check_id), CheckOut)


@router.post("/environments/{uuid:environment_id}/tests/{uuid:check_id}/cancel", response={202: CheckOut})
def cancel_test(request: ActorRequest, environment_id: uuid.UUID, check_id: uuid.UUID) -> Status[EnvironmentCheck]:
    check = services.cancel_check(
        actor=request.actor, environment_id=environment_id, check_id=check_id, now=timezone.now()
    )
    return Status(202, check)


@router.get("/environments/{uuid:environment_id}/credential", response=CredentialOut)
def read_credential(request: ActorRequest, environment_id: uuid.UUID) -> Source:
    """What sessions there call the model with, and whose it is; never the credential."""
    return services.read_credential(actor=request.actor, id=environment_id)


@router.put("/environments/{uuid:environment_id}/credential", response=CredentialOut)
def store_credential(request: ActorRequest, environment_id: uuid.UUID, payload: CredentialIn) -> Source:
    """An API key, an OAuth token, or the text of the agent's credentials file; it holds from the next model call."""
    credential = payload.credential.get_secret_value()
    return services.store_credential(actor=request.actor, id=environment_id, credential=credential, now=timezone.now())


@router.delete("/environments/{uuid:environment_id}/credential", response={204: None})
def remove_credential(request: ActorRequest, environment_id: uuid.UUID) -> None:
    """Sessions there go on with the organisation's key."""
    services.remove_credential(actor=request.actor, id=environment_id)


def _checks_of(environment_id: uuid.UUID) -> TenantQuerySet[EnvironmentCheck]:
    return EnvironmentCheck.objects.filter(environment_id=environment_id, environment__deleted_at=None)

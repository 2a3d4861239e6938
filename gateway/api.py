"""The gateway's API: models to choose from, usage, and the organisation's own provider key, which is write-only."""

from __future__ import annotations

import uuid
from typing import Any

from django.utils import timezone
from ninja import Router

from accounts.auth import ActorRequest
from accounts.tenancy import Role
from gateway import services
from gateway.models import ProviderKey
from gateway.schemas import ModelsOut, ProviderKeyIn, ProviderKeyOut, UsageOut

router = Router(tags=["gateway"])


@router.get("/models", response=ModelsOut)
def list_models(request: ActorRequest, organization_id: uuid.UUID | None = None) -> dict[str, Any]:
    """The models that sessions may use; with an organisation also whether the practice model stands in for them."""
    if organization_id is not None:
        request.actor.require(organization_id, Role.VIEWER)
    models = services.available_models()
    return {"items": models, "default": models[0].name, "is_practice": services.is_practice(organization_id)}


@router.get("/orgs/{uuid:organization_id}/usage", response=UsageOut)
def get_usage(request: ActorRequest, organization_id: uuid.UUID) -> dict[str, Any]:
    """What the organisation has used in the present calendar month (UTC), and its limit."""
    request.actor.require(organization_id, Role.VIEWER)
    return services.month_report(organization_id, timezone.now())


@router.put("/orgs/{uuid:organization_id}/provider-key", response=ProviderKeyOut)
def put_provider_key(request: ActorRequest, organization_id: uuid.UUID, body: ProviderKeyIn) -> ProviderKey:
    """Store the organisation's own key. No answer ever shows more of it than the last four characters."""
    request.actor.require(organization_id, Role.ADMIN)
    key = body.key.get_secret_value()
    return services.set_provider_key(organization_id=organization_id, key=key, now=timezone.now())


@router.get("/orgs/{uuid:organization_id}/provider-key", response=ProviderKeyOut | None)
def get_provider_key(request: ActorRequest, organization_id: uuid.UUID) -> ProviderKey | None:
    """Which key is stored, by its last four characters; null when there is none."""
    request.actor.require(organization_id, Role.ADMIN)
    return services.provider_key(organization_id)


@router.delete("/orgs/{uuid:organization_id}/provider-key", response={204: None})
def delete_provider_key(request: ActorRequest, organization_id: uuid.UUID) -> None:
    """Forget the organisation's own key; sessions go on with the deployment's, or with the practice model."""
    request.actor.require(organization_id, Role.ADMIN)
    services.delete_provider_key(organization_id=organization_id)

"""The accounts API: who am I, organisations, members, tokens."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from django.utils import timezone
from ninja import Query, Router, Status

from accounts import preferences, services
from accounts.auth import ActorRequest
from accounts.client_keys import client_key
from accounts.models import ApiToken, Membership, Organization, Preferences
from accounts.pagination import Page, PageIn, Slice, paginate
from accounts.schemas import (
    MemberOut,
    MemberPatch,
    MeOut,
    OrganizationOut,
    OrganizationPatch,
    PreferencesOut,
    PreferencesPatch,
    TokenCreated,
    TokenIn,
    TokenOut,
)
from accounts.tenancy import Actor, Role, fetch

router = Router(tags=["accounts"])


@router.get("/me", response=MeOut)
def me(request: ActorRequest) -> dict[str, Any]:
    """The user behind the session or token, and the organisations it opens."""
    mine = Organization.objects.of(request.actor).order_by("pk")
    return {"user": request.actor.user, "organizations": _shown(mine, request.actor)}


@router.get("/me/preferences", response=PreferencesOut)
def get_preferences(request: ActorRequest) -> Preferences:
    """How the caller likes the pages."""
    return preferences.of(request, request.actor.user)


@router.patch("/me/preferences", response=PreferencesOut)
def change_preferences(request: ActorRequest, body: PreferencesPatch) -> Preferences:
    """Change what is given; it holds on all devices."""
    services.require_session(request.actor, "Preferences are changed in the browser, not with a token.")
    before = preferences.of(request, request.actor.user)
    return services.change_preferences(before=before, fields=body.dict(exclude_none=True))


@router.get("/orgs", response=Page[OrganizationOut])
def list_organizations(request: ActorRequest, page: Query[PageIn]) -> Slice[dict[str, Any]]:
    """The caller's organisations, oldest first; suspended ones too, which open nothing else."""
    found = paginate(Organization.objects.of(request.actor), page, newest_first=False)
    return Slice(_shown(found.items, request.actor), found.next)


@router.get("/orgs/{uuid:organization_id}", response=OrganizationOut)
def get_organization(request: ActorRequest, organization_id: uuid.UUID) -> dict[str, Any]:
    """One organisation."""
    return _one(request.actor, Organization.objects.fetch(request.actor, organization_id))


@router.patch("/orgs/{uuid:organization_id}", response=OrganizationOut)
def rename_organization(request: ActorRequest, organization_id: uuid.UUID, body: OrganizationPatch) -> dict[str, Any]:
    """Rename an organisation."""
    organization = Organization.objects.fetch(request.actor, organization_id, Role.ADMIN)
    return _one(request.actor, services.rename_organization(organization=organization, name=body.name))


@router.get("/orgs/{uuid:organization_id}/members", response=Page[MemberOut])
def list_members(request: ActorRequest, organization_id: uuid.UUID, page: Query[PageIn]) -> Slice[Membership]:
    """Who belongs to an organisation, in the order they joined."""
    request.actor.require(organization_id, Role.VIEWER)
    members = Membership.objects.visible_to(request.actor).filter(organization_id=organization_id)
    return paginate(members.select_related("user"), page, newest_first=False)


@router.patch("/orgs/{uuid:organization_id}/members/{uuid:member_id}", response=MemberOut)
def change_role(
    request: ActorRequest, organization_id: uuid.UUID, member_id: uuid.UUID, body: MemberPatch
) -> Membership:
    """Give a member another role."""
    membership = _member(request.actor, organization_id, member_id)
    return services.change_role(actor=request.actor, membership=membership, role=body.role)


@router.delete("/orgs/{uuid:organization_id}/members/{uuid:member_id}", response={204: None})
def remove_member(request: ActorRequest, organization_id: uuid.UUID, member_id: uuid.UUID) -> None:
    """Take a member out; their API tokens for this organisation end at once."""
    membership = _member(request.actor, organization_id, member_id)
    services.remove_member(actor=request.actor, membership=membership, now=timezone.now())


@router.get("/tokens", response=Page[TokenOut])
def list_tokens(request: ActorRequest, page: Query[PageIn]) -> Slice[ApiToken]:
    """The caller's own tokens, newest first."""
    return paginate(ApiToken.objects.of(request.actor), page)


@router.post("/tokens", response={200: TokenCreated, 201: TokenCreated})
def create_token(request: ActorRequest, body: TokenIn) -> Status[dict[str, Any]]:
    """Make a token. Its text is in this answer and never shown again: the same id again gives the rest, with 200."""
    days, now = body.expires_in_days, timezone.now()
    row, text = services.create_token(
        actor=request.actor,
        organization_id=body.organization_id,
        name=body.name,
        scopes=body.scopes,
        expires_at=now + timedelta(days=days) if days else None,
        key=client_key(request, body.id),
        now=now,
    )
    return Status(200 if text is None else 201, {**TokenOut.from_orm(row).dict(), "token": text})


@router.delete("/tokens/{uuid:token_id}", response={204: None})
def revoke_token(request: ActorRequest, token_id: uuid.UUID) -> None:
    """Revoke one of the caller's own tokens; it is refused from the next request on."""
    token = fetch(ApiToken.objects.filter(user=request.actor.user), request.actor, token_id)
    services.revoke_token(actor=request.actor, token=token, now=timezone.now())


def _member(actor: Actor, organization_id: uuid.UUID, member_id: uuid.UUID) -> Membership:
    return fetch(Membership.objects.filter(organization_id=organization_id), actor, member_id, Role.ADMIN)


def _one(actor: Actor, organization: Organization) -> dict[str, Any]:
    return _shown([organization], actor)[0]


def _shown(organizations: Iterable[Organization], actor: Actor) -> list[dict[str, Any]]:
    roles = {**actor.suspended, **actor.roles}
    return [
        {
            "id": organization.id,
            "name": organization.name,
            "is_personal": organization.is_personal,
            "is_suspended": organization.suspended_at is not None,
            "role": roles[organization.id],
        }
        for organization in organizations
    ]

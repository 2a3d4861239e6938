"""Who may call what of the accounts and health APIs."""

from __future__ import annotations

from accounts.models import ApiToken, Membership, User
from accounts.tenancy import Role, Scope
from tests import factories
from tests.access.table import Case, Route, Tenant


def organization(tenant: Tenant) -> Case:
    return Case(params={"organization_id": tenant.organization.id})


def renamed(tenant: Tenant) -> Case:
    return Case(params={"organization_id": tenant.organization.id}, body={"name": "new name"})


def member(tenant: Tenant) -> Case:
    user, _ = User.objects.get_or_create(email=f"member-of-{tenant.organization.id}@example.com")
    row, _ = Membership.objects.get_or_create(organization=tenant.organization, user=user)
    return Case(params={"organization_id": tenant.organization.id, "member_id": row.id}, body={"role": "VIEWER"})


def new_token(tenant: Tenant) -> Case:
    return Case(body={"organization_id": tenant.organization.id, "name": "ci", "scopes": ["READ"]})


def own_token(tenant: Tenant) -> Case:
    text = factories.make_token(tenant.caller, tenant.organization, Scope.READ)
    return Case(params={"token_id": ApiToken.objects.get(prefix=text.rpartition("_")[0]).id})


def preferred(tenant: Tenant) -> Case:
    return Case(body={"theme": "DARK"})


ROUTES = [
    Route("GET", "/health", None, is_public=True),
    Route("GET", "/ready", None, is_public=True),
    Route("GET", "/me", None),
    Route("GET", "/me/preferences", None),
    Route("PATCH", "/me/preferences", None, preferred, needs_session=True),
    Route("GET", "/orgs", None),
    Route("GET", "/orgs/{organization_id}", Role.VIEWER, organization),
    Route("PATCH", "/orgs/{organization_id}", Role.ADMIN, renamed),
    Route("GET", "/orgs/{organization_id}/members", Role.VIEWER, organization),
    Route("PATCH", "/orgs/{organization_id}/members/{member_id}", Role.ADMIN, member),
    Route("DELETE", "/orgs/{organization_id}/members/{member_id}", Role.ADMIN, member),
    Route("GET", "/tokens", None),
    Route("POST", "/tokens", Role.VIEWER, new_token, needs_session=True),
    Route("DELETE", "/tokens/{token_id}", Role.VIEWER, own_token, needs_session=True),
]

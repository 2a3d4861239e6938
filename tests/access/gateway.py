"""Who may call what of the gateway's API."""

from __future__ import annotations

from django.utils import timezone

from accounts.tenancy import Role
from gateway import services
from tests.access.table import Case, Route, Tenant, in_query

KEY = "sk-ant-matrix-0000000000000001"


def organization(tenant: Tenant) -> Case:
    return Case(params={"organization_id": tenant.organization.id})


def with_key(tenant: Tenant) -> Case:
    services.set_provider_key(organization_id=tenant.organization.id, key=KEY, now=timezone.now())
    return organization(tenant)


def new_key(tenant: Tenant) -> Case:
    return Case(params={"organization_id": tenant.organization.id}, body={"key": KEY})


ROUTES = [
    Route("GET", "/models", Role.VIEWER, in_query),
    Route("GET", "/orgs/{organization_id}/usage", Role.VIEWER, organization),
    Route("PUT", "/orgs/{organization_id}/provider-key", Role.ADMIN, new_key),
    Route("GET", "/orgs/{organization_id}/provider-key", Role.ADMIN, with_key),
    Route("DELETE", "/orgs/{organization_id}/provider-key", Role.ADMIN, with_key),
]

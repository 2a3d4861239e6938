"""Who may call what of the environments API."""

from __future__ import annotations

from uuid_utils.compat import uuid7

from accounts.tenancy import Role
from environments.models import Environment, EnvironmentKind
from tests.access.table import Case, Route, Tenant, in_query


def environment(tenant: Tenant) -> Case:
    row = Environment.objects.create(
        organization=tenant.organization, name=f"environment {uuid7()}", kind=EnvironmentKind.HOST
    )
    return Case(params={"environment_id": row.id})


def changed(tenant: Tenant) -> Case:
    return Case(params=environment(tenant).params, body={"name": f"renamed {uuid7()}"})


def created(tenant: Tenant) -> Case:
    body = {"organization_id": tenant.organization.id, "name": "second", "kind": "HOST", "config": {}}
    return Case(body=body)


ROUTES = [
    Route("GET", "/environments", None, in_query),
    Route("POST", "/environments", Role.ADMIN, created),
    Route("GET", "/environments/{environment_id}", Role.VIEWER, environment),
    Route("GET", "/environments/{environment_id}/status", Role.VIEWER, environment),
    Route("PATCH", "/environments/{environment_id}", Role.ADMIN, changed),
    Route("DELETE", "/environments/{environment_id}", Role.ADMIN, environment),
]

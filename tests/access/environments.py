"""Who may call what of the environments API."""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone
from uuid_utils.compat import uuid7

from accounts.tenancy import Role
from environments.models import CheckStatus, Environment, EnvironmentCheck, EnvironmentKind
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


def deleted(tenant: Tenant) -> Case:
    """It may be taken back for an hour more."""
    case = environment(tenant)
    Environment.objects.filter(pk=case.params["environment_id"]).update(deleted_at=timezone.now() + timedelta(hours=1))
    return case


def tested(tenant: Tenant) -> Case:
    case = environment(tenant)
    row = EnvironmentCheck.objects.create(
        organization=tenant.organization, environment_id=case.params["environment_id"], status=CheckStatus.CANCELLED
    )
    return Case(params={**case.params, "check_id": row.pk})


def asked(tenant: Tenant) -> Case:
    return Case(params=environment(tenant).params, body={})


def host_key(tenant: Tenant) -> Case:
    """No host of this name can be: refused once access is given."""
    return Case(body={"organization_id": tenant.organization.pk, "host": "-oProxyCommand=x"})


def with_credential(tenant: Tenant) -> Case:
    return Case(params=environment(tenant).params, body={"credential": "sk-ant-api03-of-an-environment"})


ROUTES = [
    Route("GET", "/environments", None, in_query),
    Route("POST", "/environments", Role.ADMIN, created),
    Route("POST", "/environments/host-key", Role.ADMIN, host_key, allowed=[400]),
    Route("GET", "/environments/left-behind", Role.ADMIN, in_query),
    Route("DELETE", "/environments/{environment_id}/left-behind", Role.ADMIN, environment),
    Route("GET", "/environments/{environment_id}", Role.VIEWER, environment),
    Route("GET", "/environments/{environment_id}/status", Role.VIEWER, environment),
    Route("PATCH", "/environments/{environment_id}", Role.ADMIN, changed),
    Route("DELETE", "/environments/{environment_id}", Role.ADMIN, environment),
    Route("POST", "/environments/{environment_id}/undelete", Role.ADMIN, deleted),
    Route("GET", "/environments/{environment_id}/uses", Role.VIEWER, environment),
    Route("GET", "/environments/{environment_id}/tests", Role.VIEWER, environment),
    Route("POST", "/environments/{environment_id}/tests", Role.MEMBER, asked),
    Route("GET", "/environments/{environment_id}/tests/{check_id}", Role.VIEWER, tested),
    Route("GET", "/environments/{environment_id}/tests/{check_id}/stream", Role.VIEWER, tested),
    Route("POST", "/environments/{environment_id}/tests/{check_id}/cancel", Role.MEMBER, tested),
    Route("GET", "/environments/{environment_id}/credential", Role.VIEWER, environment),
    Route("PUT", "/environments/{environment_id}/credential", Role.ADMIN, with_credential),
    Route("DELETE", "/environments/{environment_id}/credential", Role.ADMIN, environment),
]

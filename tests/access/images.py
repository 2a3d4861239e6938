"""Who may call what of the images API."""

from __future__ import annotations

import uuid

from django.utils import timezone
from uuid_utils.compat import uuid7

from accounts.tenancy import Role
from environments.images.models import BuildStatus, Dockerfile, ImageBuild
from environments.models import Environment, EnvironmentKind
from tests.access.table import Case, Route, Tenant, in_query


def row(tenant: Tenant) -> Environment:
    return Environment.objects.create(
        organization=tenant.organization,
        name=f"box {uuid7()}",
        kind=EnvironmentKind.DOCKER,
        config={"image": "debian:12"},
    )


def dockerfile(tenant: Tenant) -> uuid.UUID:
    environment = row(tenant)
    Dockerfile.objects.create(
        organization=tenant.organization, environment=environment, text="FROM debian", updated_at=timezone.now()
    )
    return environment.pk


def environment(tenant: Tenant) -> Case:
    return Case(params={"environment_id": dockerfile(tenant)})


def upload(tenant: Tenant) -> Case:
    return Case(params={"environment_id": row(tenant).pk}, form={"text": "FROM debian"})


def checked(tenant: Tenant) -> Case:
    return Case(body={"organization_id": tenant.organization.pk, "text": "FROM debian"})


def new_build(tenant: Tenant) -> Case:
    return Case(body={"environment_id": dockerfile(tenant)})


def build(tenant: Tenant, status: BuildStatus = BuildStatus.COMPLETED) -> Case:
    made = ImageBuild.objects.create(
        organization=tenant.organization, environment=row(tenant), dockerfile="FROM debian", status=status
    )
    return Case(params={"build_id": made.pk})


ROUTES = [
    Route("GET", "/docker/images", Role.VIEWER, in_query),
    Route("POST", "/docker/dockerfile-check", Role.MEMBER, checked),
    Route("GET", "/environments/{environment_id}/dockerfile", Role.VIEWER, environment),
    Route("POST", "/environments/{environment_id}/dockerfile", Role.ADMIN, upload),
    Route("DELETE", "/environments/{environment_id}/dockerfile", Role.ADMIN, environment),
    Route("GET", "/environments/{environment_id}/builds", Role.VIEWER, environment),
    Route("POST", "/docker/image-build", Role.ADMIN, new_build),
    Route("GET", "/docker/image-build/{build_id}", Role.VIEWER, build),
    Route("GET", "/docker/image-build/{build_id}/output", Role.VIEWER, build),
    Route("GET", "/docker/image-build/{build_id}/stream", Role.VIEWER, build),
    Route(
        "POST", "/docker/image-build/{build_id}/cancel", Role.ADMIN, lambda tenant: build(tenant, BuildStatus.PENDING)
    ),
]

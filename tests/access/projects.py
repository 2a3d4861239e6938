"""Who may call what of the projects API."""

from __future__ import annotations

from datetime import timedelta

from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone

from accounts.tenancy import Role
from environments.models import Environment, EnvironmentKind
from projects import contents
from projects.models import ImportStatus, Project, ProjectImport, ProjectSource, ProjectStatus
from projects.repository import quarantine
from projects.vault import Vault
from tests.access.table import Case, Route, Tenant, in_query

BUNDLE = b"PK\x05\x06" + b"\0" * 18  # an empty zip: refused as such, once access is given


def row(tenant: Tenant) -> Project:
    return Project.objects.create(
        organization=tenant.organization,
        name="matrix",
        source=ProjectSource.URL,
        source_url="https://example.com/x.git",
        status=ProjectStatus.READY,
    )


def project(tenant: Tenant) -> Case:
    return Case(params={"project_id": row(tenant).pk})


def deleted(tenant: Tenant) -> Case:
    """It may be taken back for an hour more."""
    made = row(tenant)
    Project.objects.filter(pk=made.pk).update(deleted_at=timezone.now() + timedelta(hours=1))
    return Case(params={"project_id": made.pk})


def with_vault(tenant: Tenant) -> Case:
    made = row(tenant)
    with quarantine() as scratch:
        contents.fill_empty(scratch, name="matrix")
        scratch.move_to(Vault(made.pk).path)
    return Case(params={"project_id": made.pk})


def new_project(tenant: Tenant) -> Case:
    return Case(body={"organization_id": tenant.organization.pk, "name": "new", "source": "SAMPLE"})


def upload(tenant: Tenant) -> Case:
    file = SimpleUploadedFile("x.zip", BUNDLE)
    return Case(form={"organization_id": tenant.organization.pk, "name": "new", "file": file})


def changed(tenant: Tenant) -> Case:
    environment, _ = Environment.objects.get_or_create(
        organization=tenant.organization, name="matrix", kind=EnvironmentKind.HOST
    )
    return Case(params={"project_id": row(tenant).pk}, body={"name": "x", "default_environment_id": environment.pk})


def with_import(tenant: Tenant, status: ImportStatus) -> Case:
    made = row(tenant)
    ProjectImport.objects.create(organization=tenant.organization, project=made, status=status)
    return Case(params={"project_id": made.pk})


ROUTES = [
    Route("GET", "/projects", Role.VIEWER, in_query),
    Route("POST", "/projects", Role.MEMBER, new_project),
    Route("POST", "/projects/upload", Role.MEMBER, upload, allowed=[400]),
    Route("GET", "/projects/{project_id}", Role.VIEWER, project),
    Route("PATCH", "/projects/{project_id}", Role.MEMBER, changed),
    Route("DELETE", "/projects/{project_id}", Role.MEMBER, project),
    Route("POST", "/projects/{project_id}/undelete", Role.MEMBER, deleted),
    Route("GET", "/projects/{project_id}/branches", Role.VIEWER, with_vault),
    Route(
        "GET",
        "/projects/{project_id}/import/stream",
        Role.VIEWER,
        lambda tenant: with_import(tenant, ImportStatus.COMPLETED),
    ),
    Route(
        "POST",
        "/projects/{project_id}/import/cancel",
        Role.MEMBER,
        lambda tenant: with_import(tenant, ImportStatus.PENDING),
    ),
]

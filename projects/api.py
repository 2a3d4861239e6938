"""The projects API."""

from __future__ import annotations

import uuid

from django.http import StreamingHttpResponse
from django.utils import timezone
from ninja import File, Form, Query, Router, Status, UploadedFile

from accounts import stream
from accounts.auth import ActorRequest
from accounts.client_keys import client_key
from accounts.errors import NotFound
from accounts.pagination import Page, PageIn, Slice, paginate
from accounts.tenancy import Role, fetch
from projects import services
from projects.models import Project
from projects.schemas import BranchesOut, ImportOut, ProjectIn, ProjectOut, ProjectPatch, UploadIn
from projects.vault import Branch

router = Router(tags=["projects"])


@router.get("/projects", response=Page[ProjectOut], by_alias=True)
def list_projects(
    request: ActorRequest, page: Query[PageIn], organization_id: uuid.UUID | None = None
) -> Slice[Project]:
    rows = Project.objects.visible_to(request.actor).with_import()
    if organization_id is not None:
        request.actor.require(organization_id, Role.VIEWER)
        rows = rows.filter(organization_id=organization_id)
    return paginate(rows, page)


@router.post("/projects", response={201: ProjectOut}, by_alias=True)
def create_project(request: ActorRequest, payload: ProjectIn) -> Status[Project]:
    """The same id, or `Idempotency-Key`, again gives the same project."""
    key = client_key(request, payload.id)
    given = payload.dict(exclude={"id"})
    return Status(201, services.create_project(actor=request.actor, key=key, now=timezone.now(), **given))


@router.post("/projects/upload", response={201: ProjectOut}, by_alias=True)
def upload_project(request: ActorRequest, payload: Form[UploadIn], file: File[UploadedFile]) -> Status[Project]:
    project = services.create_from_upload(
        actor=request.actor,
        filename=file.name or "",
        chunks=file.chunks(),
        size_bytes=file.size or 0,
        key=client_key(request, payload.id),
        now=timezone.now(),
        **payload.dict(exclude={"id"}),
    )
    return Status(201, project)


@router.get("/projects/{uuid:project_id}", response=ProjectOut, by_alias=True)
def read_project(request: ActorRequest, project_id: uuid.UUID) -> Project:
    return fetch(Project.objects.with_import(), request.actor, project_id)


@router.patch("/projects/{uuid:project_id}", response=ProjectOut, by_alias=True)
def update_project(request: ActorRequest, project_id: uuid.UUID, payload: ProjectPatch) -> Project:
    given = payload.dict(exclude_unset=True)
    return services.update_project(actor=request.actor, id=project_id, fields=given, **given)


@router.delete("/projects/{uuid:project_id}", response={204: None})
def delete_project(request: ActorRequest, project_id: uuid.UUID) -> Status[None]:
    services.delete_project(actor=request.actor, id=project_id, now=timezone.now())
    return Status(204, None)


@router.post("/projects/{uuid:project_id}/undelete", response=ProjectOut, by_alias=True)
def undelete_project(request: ActorRequest, project_id: uuid.UUID) -> Project:
    """Take back that it was deleted, with its sessions, for a few minutes."""
    return services.undelete_project(actor=request.actor, id=project_id, now=timezone.now())


@router.get("/projects/{uuid:project_id}/branches", response=BranchesOut)
def list_branches(request: ActorRequest, project_id: uuid.UUID) -> dict[str, list[Branch]]:
    project = fetch(Project, request.actor, project_id)
    return {"items": services.require_ready(project).branches()}


@router.get("/projects/{uuid:project_id}/import/stream", response=None)
def stream_import(request: ActorRequest, project_id: uuid.UUID) -> StreamingHttpResponse:
    row = fetch(Project.objects.with_import(), request.actor, project_id).latest_import
    if row is None:
        raise NotFound
    return stream.respond(request, request.actor, row, ImportOut)


@router.post("/projects/{uuid:project_id}/import/cancel", response={202: ProjectOut}, by_alias=True)
def cancel_import(request: ActorRequest, project_id: uuid.UUID) -> Status[Project]:
    return Status(202, services.cancel_import(actor=request.actor, id=project_id, now=timezone.now()))

"""What the API takes and gives for projects."""

from __future__ import annotations

import uuid
from datetime import datetime

from ninja import Schema
from pydantic import AliasChoices, Field

from projects.models import Project, ProjectImport


class ProjectIn(Schema):
    id: uuid.UUID | None = None
    organization_id: uuid.UUID
    name: str
    source: str
    url: str = ""
    token: str = ""
    default_environment_id: uuid.UUID | None = None
    docker_mode: bool = Field(False, validation_alias=AliasChoices("docker_mode", "dockerMode"), deprecated=True)


class UploadIn(Schema):
    id: uuid.UUID | None = None
    organization_id: uuid.UUID
    name: str = ""
    default_environment_id: uuid.UUID | None = None


class ProjectPatch(Schema):
    name: str | None = None
    default_model: str | None = None
    default_environment_id: uuid.UUID | None = None
    default_branch: str | None = None


class ImportOut(Schema):
    id: uuid.UUID
    status: str
    step: str
    percent: int
    log: str
    error: str


class ProjectOut(Schema):
    id: uuid.UUID
    organization_id: uuid.UUID
    name: str
    status: str
    source: str
    source_url: str
    default_branch: str
    default_model: str
    default_environment_id: uuid.UUID | None
    created_at: datetime
    import_: ImportOut | None = Field(None, alias="import")

    @staticmethod
    def resolve_import(project: Project) -> ProjectImport | None:
        return project.latest_import


class BranchOut(Schema):
    name: str
    commit: str
    subject: str
    committed_at: datetime
    is_default: bool


class BranchesOut(Schema):
    items: list[BranchOut]

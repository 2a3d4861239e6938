"""What the API takes and gives for images."""

from __future__ import annotations

import uuid
from datetime import datetime

from ninja import Schema

from environments.images import choice
from environments.images.models import Dockerfile, ImageBuild


class ImageOut(Schema):
    name: str
    id: str
    size_bytes: int
    created_at: datetime
    environment_id: uuid.UUID | None
    environment_name: str


class ImagesOut(Schema):
    items: list[ImageOut]
    can_build: bool
    error: str


class CheckIn(Schema):
    organization_id: uuid.UUID
    text: str


class ProblemOut(Schema):
    line: int
    message: str


class CheckOut(Schema):
    problems: list[ProblemOut]
    images: list[str]


class ContextOut(Schema):
    name: str
    size_bytes: int
    sha256: str


class BuildIn(Schema):
    id: uuid.UUID | None = None
    environment_id: uuid.UUID
    use_cache: bool = True


class BuildOut(Schema):
    id: uuid.UUID
    environment_id: uuid.UUID
    status: str
    step: int
    steps: int
    line: int | None
    last_seq: int
    error: str
    image_id: str
    size_bytes: int | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    removed_at: datetime | None


class DockerfileOut(Schema):
    """`image` is the build whose image containers are made of now; null before the first that succeeded."""

    environment_id: uuid.UUID
    text: str
    context: ContextOut | None
    updated_at: datetime
    image: BuildOut | None

    @staticmethod
    def resolve_context(row: Dockerfile) -> ContextOut | None:
        if not row.context_sha256:
            return None
        return ContextOut(name=row.context_name, size_bytes=row.context_bytes, sha256=row.context_sha256)

    @staticmethod
    def resolve_image(row: Dockerfile) -> ImageBuild | None:
        return choice.current_builds([row.environment])[row.environment_id]


class OutputOut(Schema):
    seq: int
    text: str


class OutputsOut(Schema):
    items: list[OutputOut]

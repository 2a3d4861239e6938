"""The API of images: which there are, Dockerfiles of environments, builds and what they print."""

from __future__ import annotations

import uuid
from typing import Any

from asgiref.sync import async_to_sync
from django.http import StreamingHttpResponse
from django.utils import timezone
from ninja import File, Form, Query, Router, Status, UploadedFile

from accounts.auth import ActorRequest
from accounts.client_keys import client_key
from accounts.pagination import Page, PageIn, Slice, paginate
from accounts.tenancy import Role, fetch
from accounts.wording import told
from environments.images import choice, policy, services, stream
from environments.images.contexts import Upload
from environments.images.errors import BadDockerfile
from environments.images.models import BuildOutput, Dockerfile, ImageBuild
from environments.images.rules import Checked
from environments.images.schemas import (
    BuildIn,
    BuildOut,
    CheckIn,
    CheckOut,
    DockerfileOut,
    ImagesOut,
    OutputsOut,
)
from environments.images.syntax import MAX_BYTES
from environments.models import Environment
from sandbox.errors import SandboxError

router = Router(tags=["environments"])

PIECES = 200


@router.get("/docker/images", response=ImagesOut)
def list_images(request: ActorRequest, organization_id: uuid.UUID) -> dict[str, Any]:
    """The engine's images that the organisation may use, and whether it may build others.

    That no engine answers is told beside the empty list: it is no fault of the request.
    """
    request.actor.require(organization_id, Role.VIEWER)
    error, found = "", []
    try:
        found = async_to_sync(choice.on_engine)()
    except SandboxError as silent:
        error = told(silent.message)
    items = choice.choices(found, organization_id)
    return {"items": items, "can_build": policy.builds_are_allowed(), "error": error}


@router.post("/docker/dockerfile-check", response=CheckOut)
def check_dockerfile(request: ActorRequest, payload: CheckIn) -> dict[str, Any]:
    """What is wrong with a Dockerfile, line by line, and which images it builds upon; nothing is kept."""
    request.actor.require(payload.organization_id, Role.MEMBER)
    checked: Checked = policy.check(payload.text, payload.organization_id)
    return {"problems": checked.problems, "images": [str(base) for base in checked.bases]}


@router.get("/environments/{uuid:environment_id}/dockerfile", response=DockerfileOut | None)
def read_dockerfile(request: ActorRequest, environment_id: uuid.UUID) -> Dockerfile | None:
    """The environment's Dockerfile; null when it has none."""
    mine = Dockerfile.objects.filter(environment=fetch(Environment, request.actor, environment_id))
    return mine.select_related("environment").first()


@router.post("/environments/{uuid:environment_id}/dockerfile", response=DockerfileOut)
def upload_dockerfile(
    request: ActorRequest,
    environment_id: uuid.UUID,
    text: Form[str | None] = None,
    dockerfile: File[UploadedFile | None] = None,
    context: File[UploadedFile | None] = None,
) -> Dockerfile:
    """Keep a Dockerfile, as text or as a file, and the files that it copies (zip, tar, tar.gz)."""
    return services.put_dockerfile(
        actor=request.actor,
        environment_id=environment_id,
        text=_text(dockerfile) if dockerfile is not None else text,
        context=Upload(context.name or "", context.size or 0, context.chunks()) if context is not None else None,
        now=timezone.now(),
    )


@router.delete("/environments/{uuid:environment_id}/dockerfile", response={204: None})
def delete_dockerfile(request: ActorRequest, environment_id: uuid.UUID) -> None:
    services.delete_dockerfile(actor=request.actor, environment_id=environment_id, now=timezone.now())


@router.get("/environments/{uuid:environment_id}/builds", response=Page[BuildOut])
def list_builds(request: ActorRequest, environment_id: uuid.UUID, page: Query[PageIn]) -> Slice[ImageBuild]:
    """The builds of an environment's image, newest first."""
    environment = fetch(Environment, request.actor, environment_id)
    return paginate(ImageBuild.objects.filter(environment=environment), page)


@router.post("/docker/image-build", response={202: BuildOut})
def request_build(request: ActorRequest, payload: BuildIn) -> Status[ImageBuild]:
    """Build the image of an environment's Dockerfile. The same id, or `Idempotency-Key`, again is the same build."""
    build = services.request_build(
        actor=request.actor,
        environment_id=payload.environment_id,
        use_cache=payload.use_cache,
        key=client_key(request, payload.id),
        now=timezone.now(),
    )
    return Status(202, build)


@router.get("/docker/image-build/{uuid:build_id}", response=BuildOut)
def read_build(request: ActorRequest, build_id: uuid.UUID) -> ImageBuild:
    return fetch(ImageBuild, request.actor, build_id)


@router.get("/docker/image-build/{uuid:build_id}/output", response=OutputsOut)
def read_output(request: ActorRequest, build_id: uuid.UUID, after: int = 0) -> dict[str, Any]:
    """What the build has printed after a piece that is known; 200 pieces at most."""
    build = fetch(ImageBuild, request.actor, build_id)
    return {"items": BuildOutput.objects.filter(build=build, seq__gt=after).order_by("seq")[:PIECES]}


@router.get("/docker/image-build/{uuid:build_id}/stream", response=None)
def stream_build(request: ActorRequest, build_id: uuid.UUID, after: int = 0) -> StreamingHttpResponse:
    """The build and what it prints as server-sent events, until it ends; `Last-Event-ID` goes before `after`."""
    build = fetch(ImageBuild, request.actor, build_id)
    return stream.respond(request, request.actor, build, after=after)


@router.post("/docker/image-build/{uuid:build_id}/cancel", response={202: BuildOut})
def cancel_build(request: ActorRequest, build_id: uuid.UUID) -> Status[ImageBuild]:
    return Status(202, services.cancel_build(actor=request.actor, id=build_id, now=timezone.now()))


def _text(file: UploadedFile) -> str:
    """Raises: BadDockerfile (too large, or no text)."""
    if (file.size or 0) > MAX_BYTES:
        raise BadDockerfile.field("dockerfile", f"A Dockerfile has at most {MAX_BYTES // 1024} KiB.")
    try:
        return bytes(file.read()).decode()
    except UnicodeDecodeError as error:
        raise BadDockerfile.field("dockerfile", "This Dockerfile is not text in UTF-8.") from error

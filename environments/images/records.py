"""A build's row, step by step; each write holds only while the build is still ours."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from environments.images.errors import BuildStopped
from environments.images.models import BuildOutput, BuildStatus, ImageBuild
from environments.signals import environment_changed

SILENT_AFTER = timedelta(minutes=2)
LOST = "The server stopped during the build; build it again."


@dataclass(frozen=True)
class Outcome:
    """How a build ended without an image."""

    status: BuildStatus
    error: str = ""


def claim(build_id: uuid.UUID) -> ImageBuild | None:
    """Take the build over from whoever had it, and begin anew; None when there is nothing to do."""
    now = timezone.now()
    with transaction.atomic():
        rows = ImageBuild.objects.live().filter(pk=build_id)
        rows.update(
            status=BuildStatus.RUNNING, attempt=F("attempt") + 1, heartbeat_at=now, started_at=now, step=0, line=None
        )
        build = rows.select_related("environment").first()
    if build is not None and (build.cancel_requested_at or build.environment.deleted_at):
        end(build, Outcome(BuildStatus.CANCELLED))
        return None
    return build


def report(build: ImageBuild, text: str, values: Mapping[str, Any]) -> int:
    """Store what was printed and how far the build is. Returns: the number of the newest piece.

    Raises: BuildStopped (cancelled, or another worker's).
    """
    with transaction.atomic():
        last_seq = build.last_seq + bool(text)
        ours = _ours(build).filter(cancel_requested_at=None)
        if not ours.update(heartbeat_at=timezone.now(), last_seq=last_seq, **values):
            raise BuildStopped
        if text:
            BuildOutput.objects.create(
                organization_id=build.organization_id, build_id=build.pk, seq=last_seq, text=text
            )
    return last_seq


@transaction.atomic
def complete(build: ImageBuild, *, image_id: str, size_bytes: int) -> None:
    """The image is there and has its name; sandboxes are made of it from now on. Raises: BuildStopped."""
    done = {"status": BuildStatus.COMPLETED, "image_id": image_id, "size_bytes": size_bytes, "step": F("steps")}
    if not _ours(build).filter(cancel_requested_at=None).update(**done, finished_at=timezone.now()):
        raise BuildStopped
    environment_changed.send(sender=ImageBuild, environment_id=build.environment_id)


def end(build: ImageBuild, outcome: Outcome) -> bool:
    """The build is over without an image; False when it is not ours any more."""
    values = {"status": outcome.status, "error": outcome.error[:2000]}
    return bool(_ours(build).update(**values, finished_at=timezone.now()))


def fail(build_id: uuid.UUID) -> None:
    """After a fault of our own, which the log has."""
    build = ImageBuild.objects.filter(pk=build_id).first()
    if build is not None:
        end(build, Outcome(BuildStatus.FAILED, "The build failed by a fault of the server."))


def rescue(*, now: datetime) -> list[ImageBuild]:
    """End builds whose worker has fallen silent; these."""
    silent = ImageBuild.objects.filter(status=BuildStatus.RUNNING, heartbeat_at__lt=now - SILENT_AFTER)
    cancelled, lost = Outcome(BuildStatus.CANCELLED), Outcome(BuildStatus.FAILED, LOST)
    return [build for build in silent if end(build, cancelled if build.cancel_requested_at else lost)]


def _ours(build: ImageBuild) -> Any:
    return ImageBuild.objects.filter(pk=build.pk, attempt=build.attempt, status=BuildStatus.RUNNING)

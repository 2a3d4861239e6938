"""Dockerfiles of environments, builds of their images, and what builds print."""

from __future__ import annotations

from typing import ClassVar, Self

from django.db import models
from django.db.models import Q

from accounts.tenancy import TenantModel, TenantQuerySet


class Dockerfile(TenantModel):
    """What an environment's own image is built from; the context is a file on disk, named by its content."""

    environment = models.OneToOneField("environments.Environment", on_delete=models.CASCADE, related_name="dockerfile")
    text = models.TextField()
    context_name = models.CharField(max_length=200, blank=True)  # as it was called where it came from
    context_sha256 = models.CharField(max_length=64, blank=True)
    context_bytes = models.PositiveBigIntegerField(default=0)
    updated_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"Dockerfile of {self.environment}"


class BuildStatus(models.TextChoices):
    PENDING = "PENDING", "Waiting"
    RUNNING = "RUNNING", "Running"
    COMPLETED = "COMPLETED", "Completed"
    FAILED = "FAILED", "Failed"
    CANCELLED = "CANCELLED", "Cancelled"


LIVE = (BuildStatus.PENDING, BuildStatus.RUNNING)


class ImageBuildQuerySet(TenantQuerySet["ImageBuild"]):
    def live(self) -> Self:
        return self.filter(status__in=LIVE)

    def kept(self) -> Self:
        """Those whose images the engine has, as far as we know."""
        return self.filter(status=BuildStatus.COMPLETED, removed_at=None)


class ImageBuild(TenantModel):
    """One attempt to make an environment's image, with what was built, how far it is and what came of it.

    `attempt` is the lease: a worker that takes the build raises it, and every write names the one it was made under.
    """

    environment = models.ForeignKey("environments.Environment", on_delete=models.CASCADE, related_name="builds")
    status = models.CharField(max_length=10, choices=BuildStatus.choices, default=BuildStatus.PENDING)
    dockerfile = models.TextField()
    context_sha256 = models.CharField(max_length=64, blank=True)
    use_cache = models.BooleanField(default=True)
    step = models.PositiveSmallIntegerField(default=0)
    steps = models.PositiveSmallIntegerField(default=0)
    line = models.PositiveIntegerField(null=True, blank=True)  # of the Dockerfile: where the build is, or failed
    last_seq = models.PositiveIntegerField(default=0)  # of its output
    error = models.CharField(max_length=2000, blank=True)
    image_id = models.CharField(max_length=80, blank=True)
    size_bytes = models.PositiveBigIntegerField(null=True, blank=True)
    attempt = models.PositiveIntegerField(default=0)
    heartbeat_at = models.DateTimeField(null=True, blank=True)
    cancel_requested_at = models.DateTimeField(null=True, blank=True)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    removed_at = models.DateTimeField(null=True, blank=True)  # its image, since nothing used it any more
    created_by = models.ForeignKey("accounts.User", null=True, on_delete=models.SET_NULL, related_name="+")
    request_key = models.UUIDField(null=True, blank=True)  # so that what made it can be repeated

    objects: ClassVar = ImageBuildQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["organization", "request_key"], name="one_build_per_key"),
            models.UniqueConstraint(
                fields=["environment"], condition=Q(status__in=["PENDING", "RUNNING"]), name="one_live_build"
            ),
        ]

    def __str__(self) -> str:
        return f"build for {self.environment}: {self.status}"

    @property
    def is_finished(self) -> bool:
        return self.status not in LIVE


class BuildOutput(TenantModel):
    """A piece of what a build printed, numbered without gaps from 1."""

    build = models.ForeignKey(ImageBuild, on_delete=models.CASCADE, related_name="output")
    seq = models.PositiveIntegerField()
    text = models.TextField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["build", "seq"], name="one_piece_per_number")]

    def __str__(self) -> str:
        return f"{self.build_id} {self.seq}"

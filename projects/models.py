"""What is worked on: projects, each with a bare repository (the vault) on the server's disk."""

from __future__ import annotations

from typing import ClassVar, Self

from django.db import models

from accounts.tenancy import AliveManager, TenantModel, TenantQuerySet


class ProjectStatus(models.TextChoices):
    IMPORTING = "IMPORTING", "Importing"
    READY = "READY", "Ready"
    FAILED = "FAILED", "Failed"


class ProjectSource(models.TextChoices):
    EMPTY = "EMPTY", "Empty"
    URL = "URL", "Git URL"
    UPLOAD = "UPLOAD", "Upload"
    SAMPLE = "SAMPLE", "Sample"


class ProjectQuerySet(TenantQuerySet["Project"]):
    def with_import(self) -> Self:
        """Each project's imports along with it, in two queries however many there are."""
        return self.prefetch_related("imports")


class Project(TenantModel):
    name = models.CharField(max_length=100)
    status = models.CharField(max_length=10, choices=ProjectStatus.choices, default=ProjectStatus.IMPORTING)
    source = models.CharField(max_length=10, choices=ProjectSource.choices)
    source_url = models.CharField(max_length=2000, blank=True)  # never with credentials
    default_branch = models.CharField(max_length=255, default="main")
    default_model = models.CharField(max_length=100, blank=True)
    default_environment = models.ForeignKey(
        "environments.Environment", null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    created_by = models.ForeignKey("accounts.User", null=True, on_delete=models.SET_NULL, related_name="+")
    request_key = models.UUIDField(null=True, blank=True, unique=True)  # so that what made it can be repeated
    deleted_at = models.DateTimeField(null=True, blank=True)

    objects: ClassVar = AliveManager.from_queryset(ProjectQuerySet)()  # type: ignore[assignment]
    with_deleted: ClassVar = ProjectQuerySet.as_manager()

    class Meta:
        indexes = [models.Index(fields=["organization", "id"])]

    def __str__(self) -> str:
        return self.name

    @property
    def is_ready(self) -> bool:
        return self.status == ProjectStatus.READY

    @property
    def latest_import(self) -> ProjectImport | None:
        """The newest attempt to fill the vault; no query after `with_import`."""
        return max(self.imports.all(), key=lambda row: row.created_at, default=None)


class ImportStatus(models.TextChoices):
    PENDING = "PENDING", "Waiting"
    RUNNING = "RUNNING", "Running"
    COMPLETED = "COMPLETED", "Completed"
    FAILED = "FAILED", "Failed"
    CANCELLED = "CANCELLED", "Cancelled"


class ProjectImport(TenantModel):
    """One attempt to fill a project's vault, with its progress.

    `attempt` is the lease: a worker that takes the import raises it, and every write names the one it was made under.
    """

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="imports")
    status = models.CharField(max_length=10, choices=ImportStatus.choices, default=ImportStatus.PENDING)
    step = models.CharField(max_length=100, blank=True)
    percent = models.PositiveSmallIntegerField(default=0)
    log = models.TextField(blank=True)  # the tail, capped
    error = models.CharField(max_length=2000, blank=True)
    secret = models.BinaryField(null=True, blank=True)  # the encrypted clone token; removed when the import ends
    attempt = models.PositiveIntegerField(default=0)
    heartbeat_at = models.DateTimeField(null=True, blank=True)
    cancel_requested_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    @property
    def is_finished(self) -> bool:
        return self.status not in (ImportStatus.PENDING, ImportStatus.RUNNING)

    def __str__(self) -> str:
        return f"import of {self.project}: {self.status}"

"""Where sessions may run: environments, the machines (sandboxes) made from them, and the tests of environments."""

from __future__ import annotations

import uuid
from typing import ClassVar

from django.db import models
from django.db.models import Q

from accounts.tenancy import AliveManager, TenantModel, TenantQuerySet


class Deployment(models.Model):
    """This deployment, in one row; its sandboxes carry the id, so that no other deployment ends them.

    The data folder knows it, too (`environments.deployment`): a database without that folder is a copy.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    is_only = models.BooleanField(default=True, unique=True, editable=False)
    is_marked = models.BooleanField(
        default=False, db_default=False, editable=False
    )  # whether the data folder was told of it
    copy_of = models.UUIDField(null=True, editable=False)  # the deployment that the database was copied from
    copied_at = models.DateTimeField(null=True, editable=False)  # when that was found out

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(is_only=True), name="one_deployment")]

    def __str__(self) -> str:
        return self.id.hex


class EnvironmentKind(models.TextChoices):
    HOST = "HOST", "This machine"
    DOCKER = "DOCKER", "Docker"
    SSH = "SSH", "SSH"
    MODAL = "MODAL", "Modal"


class EnvironmentQuerySet(TenantQuerySet["Environment"]):
    """Rows of environments, deleted ones among them where the query begins at `with_deleted`."""


class Environment(TenantModel):
    """One place to run sessions; `config` is validated by the closed model of its kind in `environments.configs`.

    A deleted one is kept until nothing lives in it any more and nobody takes the deletion back; then its secrets and
    folders go, and `purged_at` says so. The row stays, since sessions name it.
    """

    name = models.CharField(max_length=100)
    kind = models.CharField(max_length=10, choices=EnvironmentKind.choices)
    description = models.CharField(max_length=500, blank=True)
    config = models.JSONField(default=dict)
    auth_dir = models.CharField(max_length=200, blank=True)  # of its credentials, below the data folder
    is_default = models.BooleanField(default=False)
    request_key = models.UUIDField(null=True, blank=True)  # so that what made it can be repeated
    deleted_at = models.DateTimeField(null=True, blank=True)
    purged_at = models.DateTimeField(null=True, blank=True)

    objects: ClassVar = AliveManager.from_queryset(EnvironmentQuerySet)()  # type: ignore[assignment]
    with_deleted: ClassVar = EnvironmentQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["organization", "request_key"], name="one_environment_per_key"),
            models.UniqueConstraint(
                fields=["organization", "name"], condition=Q(deleted_at=None), name="unique_environment_name"
            ),
            models.UniqueConstraint(
                fields=["organization"], condition=Q(is_default=True), name="one_default_environment"
            ),
            models.CheckConstraint(
                condition=Q(is_default=False) | Q(deleted_at=None), name="a_default_environment_is_there"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class EnvironmentSecret(TenantModel):
    """One secret of an environment, encrypted at rest; of what is stored only `hint` is ever shown."""

    environment = models.ForeignKey(Environment, on_delete=models.CASCADE, related_name="secrets")
    name = models.CharField(max_length=30)
    ciphertext = models.BinaryField()
    hint = models.CharField(max_length=4000, blank=True)  # a public key, the end of an id
    updated_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["environment", "name"], name="one_secret_per_name")]

    def __str__(self) -> str:
        return self.name


class MachineStatus(models.TextChoices):
    CREATING = "CREATING", "Creating"
    RUNNING = "RUNNING", "Running"
    STOPPED = "STOPPED", "Stopped"
    LOST = "LOST", "Lost"


class Machine(TenantModel):
    """One sandbox. `handle` is the backend's JSON by which a restarted worker finds it again.

    Its files lie in a home that outlives it: the subject's next machine there has the same `home_id`.
    """

    environment = models.ForeignKey(Environment, on_delete=models.PROTECT, related_name="machines")
    subject_id = models.UUIDField(null=True, blank=True, db_index=True)  # whose it is: a session; None: kept warm
    home_id = models.UUIDField(null=True, blank=True, db_index=True)
    epoch = models.BigIntegerField(default=0)  # the subject's, when it was made
    status = models.CharField(max_length=10, choices=MachineStatus.choices, default=MachineStatus.CREATING)
    handle = models.JSONField(default=dict)
    reason = models.CharField(max_length=500, blank=True)
    started_at = models.DateTimeField(null=True, blank=True)
    stopped_at = models.DateTimeField(null=True, blank=True)
    made_of = models.CharField(
        max_length=64, blank=True, default="", db_default=""
    )  # while kept warm: the configuration's fingerprint
    cleared_at = models.DateTimeField(null=True, blank=True)  # when its home was removed
    clear_tried_at = models.DateTimeField(null=True, blank=True)  # when that was tried last, in vain
    clear_error = models.CharField(
        max_length=500, blank=True, default="", db_default=""
    )  # and why it could not be done
    given_up_at = models.DateTimeField(null=True, blank=True)  # when it was left to people to remove the home

    def __str__(self) -> str:
        return f"{self.environment} {self.id}"


class CheckStatus(models.TextChoices):
    PENDING = "PENDING", "Waiting"
    RUNNING = "RUNNING", "Running"
    PASSED = "PASSED", "Passed"
    FAILED = "FAILED", "Failed"
    CANCELLED = "CANCELLED", "Cancelled"


CHECK_IS_LIVE = Q(status__in=(CheckStatus.PENDING, CheckStatus.RUNNING))


class EnvironmentCheck(TenantModel):
    """One test of an environment: a sandbox is made in it, tried out line by line, and removed.

    `attempt` is the lease: a worker that takes the test raises it, and every write names the one it was made under.
    `lines` are those of `sandbox.checks.Line`, in the order in which they are tried.
    """

    environment = models.ForeignKey(Environment, on_delete=models.CASCADE, related_name="checks")
    machine = models.OneToOneField(Machine, null=True, blank=True, on_delete=models.SET_NULL, related_name="tried_by")
    requested_by = models.ForeignKey("accounts.User", null=True, on_delete=models.SET_NULL, related_name="+")
    status = models.CharField(max_length=10, choices=CheckStatus.choices, default=CheckStatus.PENDING)
    is_quick = models.BooleanField(default=True)
    lines = models.JSONField(default=list)
    error = models.CharField(max_length=2000, blank=True)
    attempt = models.PositiveIntegerField(default=0)
    heartbeat_at = models.DateTimeField(null=True, blank=True)
    cancel_requested_at = models.DateTimeField(null=True, blank=True)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["environment"], condition=CHECK_IS_LIVE, name="one_check_at_a_time"),
        ]

    @property
    def is_finished(self) -> bool:
        return self.status not in (CheckStatus.PENDING, CheckStatus.RUNNING)

    def __str__(self) -> str:
        return f"test of {self.environment}: {self.status}"

"""Model access: provider keys, per-session tokens, the usage ledger and budgets."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import ClassVar, Self

from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import Q, Sum

from accounts.tenancy import TenantModel, TenantQuerySet

# A call that has not been closed for this long was lost with its process: its estimate counts as spent.
CALL_MAX_S = 3600


class Provider(models.TextChoices):
    ANTHROPIC = "ANTHROPIC", "Anthropic"


class ProviderKey(TenantModel):
    """An organisation's own key at a model vendor, encrypted at rest; only the last four characters are ever shown."""

    provider = models.CharField(max_length=20, choices=Provider.choices)
    ciphertext = models.BinaryField()
    last_four = models.CharField(max_length=4)
    updated_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["organization", "provider"], name="one_key_per_provider")]

    def __str__(self) -> str:
        return f"{self.provider} …{self.last_four}"


class KeyForm(models.TextChoices):
    """How a credential is shown to the vendor: an API key, or a bearer."""

    API_KEY = "API_KEY", "API key"
    OAUTH = "OAUTH", "OAuth token"


class PlaceKey(TenantModel):
    """What the sessions at one place call with, before the organisation's own key; encrypted at rest like it.

    `place_id` is an environment's, of which this app knows nothing.
    """

    place_id = models.UUIDField()
    form = models.CharField(max_length=10, choices=KeyForm.choices)
    ciphertext = models.BinaryField()
    last_four = models.CharField(max_length=4)
    expires_at = models.DateTimeField(null=True, blank=True)  # where it says so
    updated_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["place_id"], name="one_key_per_place")]

    def __str__(self) -> str:
        return f"{self.get_form_display()} …{self.last_four}"


class GatewayTokenQuerySet(TenantQuerySet["GatewayToken"]):
    def live(self, now: dt.datetime) -> Self:
        """Neither revoked nor expired, and of an organisation that is not suspended."""
        return self.unrevoked().filter(expires_at__gt=now)

    def unrevoked(self) -> Self:
        """Ended by nothing but time, if at all."""
        return self.filter(revoked_at=None, organization__suspended_at=None)


class GatewayToken(TenantModel):
    """What a sandbox holds instead of a key; worthless anywhere but at our gateway. Only its SHA-256 is stored."""

    subject_id = models.UUIDField(db_index=True)  # the agent session it was made for
    place_id = models.UUIDField(null=True, blank=True)  # where that session works
    digest = models.CharField(max_length=64, unique=True)
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True, blank=True)

    objects: ClassVar = GatewayTokenQuerySet.as_manager()

    def __str__(self) -> str:
        return f"token for {self.subject_id}"


class UsageQuerySet(TenantQuerySet["UsageEntry"]):
    def settled(self, now: dt.datetime) -> Self:
        """Calls whose cost stands: closed ones, and those that were lost with the process that made them."""
        return self.filter(Q(finished_at__isnull=False) | Q(created_at__lte=now - dt.timedelta(seconds=CALL_MAX_S)))

    def running(self, now: dt.datetime) -> Self:
        """Calls that are under way; their cost is still an estimate."""
        return self.filter(finished_at=None, created_at__gt=now - dt.timedelta(seconds=CALL_MAX_S))

    def in_month_of(self, moment: dt.datetime) -> Self:
        """Calls of the calendar month (UTC) of `moment`."""
        start = moment.astimezone(dt.UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
        return self.filter(created_at__gte=start, created_at__lt=(start + dt.timedelta(days=32)).replace(day=1))

    def sum_of_costs(self) -> Decimal:
        return self.aggregate(total=Sum("cost_usd"))["total"] or Decimal(0)


class UsageEntry(TenantModel):
    """One model call in the ledger, written before the call with an estimate and closed once after it."""

    subject_id = models.UUIDField(db_index=True)
    request_id = models.CharField(max_length=100, blank=True)
    model = models.CharField(max_length=100)
    is_practice = models.BooleanField(default=False)
    is_estimated = models.BooleanField(default=True)  # the answer did not say all numbers
    status = models.PositiveSmallIntegerField(default=0)  # 0: no answer was seen
    input_tokens = models.PositiveBigIntegerField(default=0)
    output_tokens = models.PositiveBigIntegerField(default=0)
    cache_write_tokens = models.PositiveBigIntegerField(default=0)
    cache_read_tokens = models.PositiveBigIntegerField(default=0)
    cost_usd = models.DecimalField(max_digits=14, decimal_places=8, default=Decimal(0))
    finished_at = models.DateTimeField(null=True, blank=True)

    objects: ClassVar = UsageQuerySet.as_manager()

    class Meta:
        indexes = [models.Index(fields=["organization", "created_at"])]
        verbose_name_plural = "usage entries"

    def __str__(self) -> str:
        return f"{self.model} {self.cost_usd} USD"


class Budget(TenantModel):
    """What an organisation may spend on models in a calendar month (UTC); else the deployment's default holds."""

    limit_usd = models.DecimalField(max_digits=12, decimal_places=2, validators=[MinValueValidator(0)])

    class Meta:
        constraints = [models.UniqueConstraint(fields=["organization"], name="one_budget")]

    def __str__(self) -> str:
        return f"{self.limit_usd} USD a month"

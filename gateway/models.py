"""Model access: provider keys, per-session tokens, the usage ledger and budgets."""

from __future__ import annotations

from django.db import models

from accounts.tenancy import TenantModel


class ProviderKey(TenantModel):
    """An organisation's own key at a model vendor, encrypted at rest; only the last four characters are ever shown."""

    provider = models.CharField(max_length=20, choices=[("ANTHROPIC", "Anthropic")])
    ciphertext = models.BinaryField()
    last_four = models.CharField(max_length=4)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["organization", "provider"], name="one_key_per_provider")]

    def __str__(self) -> str:
        return f"{self.provider} …{self.last_four}"


class GatewayToken(TenantModel):
    """What a sandbox holds instead of a key; worthless anywhere but at our gateway. Only its SHA-256 is stored."""

    subject_id = models.UUIDField(db_index=True)  # the agent session it was made for
    digest = models.CharField(max_length=64, unique=True)
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"token for {self.subject_id}"


class UsageEntry(TenantModel):
    """One model call in the ledger; tokens are counts, money is USD."""

    subject_id = models.UUIDField(db_index=True)
    request_id = models.CharField(max_length=100, blank=True)
    model = models.CharField(max_length=100)
    is_practice = models.BooleanField(default=False)
    status = models.PositiveSmallIntegerField()
    input_tokens = models.PositiveBigIntegerField(default=0)
    output_tokens = models.PositiveBigIntegerField(default=0)
    cache_write_tokens = models.PositiveBigIntegerField(default=0)
    cache_read_tokens = models.PositiveBigIntegerField(default=0)
    cost_usd = models.DecimalField(max_digits=14, decimal_places=8, default=0)

    class Meta:
        indexes = [models.Index(fields=["organization", "created_at"])]

    def __str__(self) -> str:
        return f"{self.model} {self.cost_usd} USD"


class Budget(TenantModel):
    """What an organisation may spend on models in a calendar month (UTC); without a row the deployment's default holds."""

    limit_usd = models.DecimalField(max_digits=12, decimal_places=2)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["organization"], name="one_budget")]

    def __str__(self) -> str:
        return f"{self.limit_usd} USD a month"

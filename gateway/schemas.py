"""What the API takes and gives for models, usage and provider keys."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from ninja import Schema
from pydantic import Field, SecretStr

from gateway.models import Provider


class ModelOut(Schema):
    name: str
    label: str


class ModelsOut(Schema):
    items: list[ModelOut]
    default: str
    is_practice: bool


class UsageOut(Schema):
    month: str = Field(description="Calendar month in UTC, `2026-11`.")
    cost_usd: Decimal
    limit_usd: Decimal
    input_tokens: int
    output_tokens: int
    cache_read_tokens: int
    cache_write_tokens: int
    calls: int


class ProviderKeyIn(Schema):
    key: SecretStr = Field(max_length=1000)


class ProviderKeyOut(Schema):
    provider: Provider
    last_four: str
    updated_at: datetime

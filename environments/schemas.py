"""What the API takes and gives for environments."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from ninja import Schema
from pydantic import Field


class EnvironmentIn(Schema):
    id: uuid.UUID | None = None
    organization_id: uuid.UUID
    name: str
    kind: str
    description: str = Field("", max_length=500)
    config: dict[str, Any] = {}


class EnvironmentPatch(Schema):
    name: str | None = None
    description: str | None = Field(None, max_length=500)
    is_default: bool | None = None


class EnvironmentOut(Schema):
    id: uuid.UUID
    organization_id: uuid.UUID
    name: str
    kind: str
    description: str
    config: dict[str, Any]
    is_default: bool
    created_at: datetime


class StatusOut(Schema):
    available: bool
    authenticated: bool
    error: str
    details: dict[str, Any]

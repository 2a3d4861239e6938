"""What the API takes and gives for environments."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from ninja import Schema
from pydantic import Field, SecretStr

from environments.models import Environment, EnvironmentCheck
from gateway.keys import Origin
from gateway.models import KeyForm


class EnvironmentIn(Schema):
    id: uuid.UUID | None = None
    organization_id: uuid.UUID
    name: str
    kind: str
    description: str = Field("", max_length=500)
    config: dict[str, Any] = {}
    secrets: dict[str, str] = Field({}, max_length=10)


class EnvironmentPatch(Schema):
    name: str | None = None
    description: str | None = Field(None, max_length=500)
    is_default: bool | None = None
    config: dict[str, Any] | None = None
    secrets: dict[str, str | None] = Field({}, max_length=10)


class ListQuery(Schema):
    """`include_status` (also `includeStatus`) makes the list as slow as the slowest place."""

    organization_id: uuid.UUID | None = None
    include_status: bool = False
    is_status_included: bool = Field(False, alias="includeStatus")


class DeleteQuery(Schema):
    force: bool = False


class StatusOut(Schema):
    available: bool
    authenticated: bool
    error: str
    details: dict[str, Any]
    checked_at: datetime


class LineOut(Schema):
    name: str
    title: str
    status: str
    duration_ms: int | None
    problem: str
    advice: str


class CheckIn(Schema):
    is_quick: bool = True


class CheckOut(Schema):
    id: uuid.UUID
    environment_id: uuid.UUID
    status: str
    is_quick: bool
    is_cancelling: bool
    lines: list[LineOut]
    error: str
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None

    @staticmethod
    def resolve_is_cancelling(check: EnvironmentCheck) -> bool:
        return check.cancel_requested_at is not None and not check.is_finished


class SecretOut(Schema):
    """Never the secret itself; `hint` is a public key, or the end of an id."""

    set_at: datetime
    hint: str


class EnvironmentOut(Schema):
    id: uuid.UUID
    organization_id: uuid.UUID
    name: str
    kind: str
    description: str
    config: dict[str, Any]
    auth_dir: str
    is_default: bool
    secrets: dict[str, SecretOut]
    created_at: datetime

    @staticmethod
    def resolve_secrets(environment: Environment) -> dict[str, dict[str, Any]]:
        return {row.name: {"set_at": row.updated_at, "hint": row.hint} for row in environment.secrets.all()}


class EnvironmentListed(EnvironmentOut):
    """`status` is null unless it was asked for; `is_practice`: the practice model answers there, for want of a key."""

    is_practice: bool
    status: StatusOut | None = None


class UseOut(Schema):
    kind: str
    id: uuid.UUID
    name: str
    is_running: bool


class UsesOut(Schema):
    items: list[UseOut]


class LeftBehindQuery(Schema):
    organization_id: uuid.UUID


class LeftBehindOut(Schema):
    """What could not be removed in one environment, which may be deleted; `folders` names some of what lies there."""

    environment_id: uuid.UUID = Field(alias="environment.pk")
    name: str = Field(alias="environment.name")
    error: str
    count: int
    folders: list[str]


class AllLeftBehindOut(Schema):
    items: list[LeftBehindOut]


class CredentialIn(Schema):
    credential: SecretStr = Field(max_length=100_000)


class CredentialOut(Schema):
    """What model calls are made with, by the gateway; never the credential itself.

    `origin`: PLACE (the environment's own), ORGANIZATION, DEPLOYMENT, or PRACTICE (there is none).
    """

    origin: Origin
    form: KeyForm | None
    last_four: str
    stored_at: datetime | None
    expires_at: datetime | None


class HostKeyIn(Schema):
    organization_id: uuid.UUID
    host: str = Field(max_length=253)
    port: int = Field(22, ge=1, le=65_535)


class HostKeyOut(Schema):
    """The key that a machine shows at the moment, to be compared by a person before it is trusted."""

    key: str
    algorithm: str
    fingerprint: str

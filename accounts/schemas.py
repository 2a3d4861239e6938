"""What the API takes and gives for accounts."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Annotated

from ninja import Schema
from pydantic import AfterValidator, Field, StringConstraints

from accounts.models import Notifications, Theme, User
from accounts.names import UNSAFE
from accounts.preferences import LANGUAGES
from accounts.tenancy import Role, Scope


def _readable(name: str) -> str:
    if UNSAFE.search(name):
        raise ValueError("A name has no control characters.")
    return name


Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100), AfterValidator(_readable)]


class UserOut(Schema):
    id: uuid.UUID
    email: str
    name: str

    @staticmethod
    def resolve_name(user: User) -> str:
        return user.display_name


class PreferencesOut(Schema):
    theme: Theme
    language: str = Field(description="Empty: as the browser asks.")
    wrap_code: bool
    notifications: Notifications
    notify_waiting: bool
    notify_ended: bool
    notify_failed: bool
    has_sound: bool
    is_tour_done: bool


def _known_language(code: str) -> str:
    if code and code not in LANGUAGES:
        raise ValueError(f"Choose one of: {', '.join(LANGUAGES)}; or nothing, for the browser's own.")
    return code


class PreferencesPatch(Schema):
    theme: Theme | None = None
    language: Annotated[str, AfterValidator(_known_language)] | None = None
    wrap_code: bool | None = None
    notifications: Notifications | None = None
    notify_waiting: bool | None = None
    notify_ended: bool | None = None
    notify_failed: bool | None = None
    has_sound: bool | None = None
    is_tour_done: bool | None = None


class OrganizationOut(Schema):
    id: uuid.UUID
    name: str
    is_personal: bool
    is_suspended: bool
    role: Role


class OrganizationPatch(Schema):
    name: Name


class MeOut(Schema):
    user: UserOut
    organizations: list[OrganizationOut]


class MemberOut(Schema):
    id: uuid.UUID
    user: UserOut
    role: Role


class MemberPatch(Schema):
    role: Role


class TokenIn(Schema):
    id: uuid.UUID | None = None
    organization_id: uuid.UUID
    name: Name
    scopes: list[Scope] = Field(min_length=1, max_length=len(Scope))
    expires_in_days: int | None = Field(None, ge=1, le=3650)


class TokenOut(Schema):
    id: uuid.UUID
    organization_id: uuid.UUID
    name: str
    prefix: str
    scopes: list[Scope]
    expires_at: datetime | None
    last_used_at: datetime | None
    created_at: datetime


class TokenCreated(TokenOut):
    token: str | None

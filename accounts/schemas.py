"""What the API takes and gives for accounts."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Annotated

from ninja import Schema
from pydantic import Field, StringConstraints

from accounts.models import User
from accounts.tenancy import Role, Scope

# A name for people to read: one line, no control characters.
Name = Annotated[
    str,
    StringConstraints(
        strip_whitespace=True, min_length=1, max_length=100, pattern=r"^[^\x00-\x1f\x7f-\x9f\u2028\u2029]*$"
    ),
]


class UserOut(Schema):
    id: uuid.UUID
    email: str
    name: str

    @staticmethod
    def resolve_name(user: User) -> str:
        return user.display_name


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
    token: str

"""Rows to test with, as plain functions that use the services."""

from __future__ import annotations

from datetime import datetime

from allauth.account.models import EmailAddress
from django.utils import timezone

from accounts import services
from accounts.auth import actor_for
from accounts.models import Membership, Organization, User
from accounts.tenancy import Role, Scope

PASSWORD = "correct-horse-battery"


def make_user(email: str, name: str = "") -> User:
    """A user whose address is verified."""
    user = User.objects.create_user(email, PASSWORD, name=name)
    EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
    return user


def make_organization(name: str, owner: User, *, is_personal: bool = False) -> Organization:
    return services.create_organization(name=name, owner=owner, is_personal=is_personal)


def join(organization: Organization, user: User, role: Role = Role.MEMBER) -> Membership:
    return Membership.objects.create(organization=organization, user=user, role=role)


def make_token(
    user: User, organization: Organization, *scopes: Scope, name: str = "test", expires_at: datetime | None = None
) -> str:
    """The text of a bearer token; READ and WRITE unless scopes are named."""
    _, text = services.create_token(
        actor=actor_for(user),
        organization_id=organization.id,
        name=name,
        scopes=scopes or (Scope.READ, Scope.WRITE),
        expires_at=expires_at,
        now=timezone.now(),
    )
    assert text is not None
    return text

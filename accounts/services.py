"""Every write of the accounts app that has an effect beyond one row."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from allauth.usersessions.models import UserSession
from django.contrib.sessions.models import Session
from django.db import IntegrityError, transaction
from django.db.models import Exists, OuterRef

from accounts import tokens
from accounts.errors import Forbidden, Invalid, LastOwner, NotFound, TokenIdTaken
from accounts.models import ApiToken, Membership, Organization, Preferences, User
from accounts.signals import organization_created, organization_suspended
from accounts.tenancy import Actor, Role, Scope

TOKEN_USE_INTERVAL = timedelta(minutes=1)  # how exact `last_used_at` is
SCOPE_NEEDS = {Scope.READ: Role.VIEWER, Scope.WRITE: Role.MEMBER, Scope.ADMIN: Role.ADMIN}


@transaction.atomic
def change_preferences(*, before: Preferences, fields: Mapping[str, object]) -> Preferences:
    """Change what is given. `before` is what held till now, which a first row keeps (a theme by cookie, say)."""
    kept = {name: getattr(before, name) for name in ("theme", "language")}
    Preferences.objects.get_or_create(user_id=before.user_id, defaults=kept)
    row = Preferences.objects.select_for_update().get(user_id=before.user_id)
    for name, value in fields.items():
        setattr(row, name, value)
    row.save(update_fields=[*fields, "updated_at"])
    return row


def change_name(*, user: User, name: str) -> User:
    """What others see; empty for the first part of the e-mail address."""
    user.name = name.strip()
    user.save(update_fields=["name"])
    return user


@transaction.atomic
def create_organization(*, name: str, owner: User, is_personal: bool = False) -> Organization:
    """A new organisation with its first owner; other apps add their part by `signals.organization_created`."""
    organization = Organization.objects.create(name=name, is_personal=is_personal)
    Membership.objects.create(organization=organization, user=owner, role=Role.OWNER)
    organization_created.send(sender=Organization, organization=organization)
    return organization


@transaction.atomic
def ensure_personal_organization(*, user: User) -> Organization:
    """The user's personal organisation, made when there is none; sign-ins in parallel make one."""
    User.objects.select_for_update().get(pk=user.pk)
    owned = Membership.objects.filter(user=user, role=Role.OWNER).values("organization_id")
    found = Organization.objects.filter(is_personal=True, pk__in=owned).first()
    return found or create_organization(name=user.display_name[:100], owner=user, is_personal=True)


def rename_organization(*, organization: Organization, name: str) -> Organization:
    organization.name = name
    organization.save(update_fields=["name"])
    return organization


@transaction.atomic
def change_role(*, actor: Actor, membership: Membership, role: Role) -> Membership:
    """Give a member another role.

    Raises: Forbidden (only owners make, demote or remove owners); LastOwner; NotFound (left meanwhile).
    """
    membership = _locked(membership)
    _guard_owner(actor, membership, becomes=role)
    membership.role = role
    membership.save(update_fields=["role"])
    return membership


@transaction.atomic
def remove_member(*, actor: Actor, membership: Membership, now: datetime) -> None:
    """Take a member out, with the API tokens they have here. Raises as `change_role` does."""
    membership = _locked(membership)
    _guard_owner(actor, membership, becomes=None)
    here = ApiToken.objects.filter(organization_id=membership.organization_id, user_id=membership.user_id)
    here.filter(revoked_at=None).update(revoked_at=now)
    membership.delete()


def _locked(membership: Membership) -> Membership:
    """The row as it is now; the organisation is locked, so that two owners cannot demote each other."""
    Organization.objects.select_for_update().get(pk=membership.organization_id)
    fresh = Membership.objects.select_related("user").filter(pk=membership.pk).first()
    if fresh is None:
        raise NotFound
    return fresh


def _guard_owner(actor: Actor, membership: Membership, becomes: Role | None) -> None:
    was_owner = membership.role == Role.OWNER
    if (was_owner or becomes == Role.OWNER) and actor.role_in(membership.organization_id) != Role.OWNER:
        raise Forbidden("Only an owner can make, change or remove an owner.")
    owners = Membership.objects.filter(organization_id=membership.organization_id, role=Role.OWNER)
    if was_owner and becomes != Role.OWNER and owners.count() == 1:
        raise LastOwner


def owns_alone(*, user: User) -> bool:
    """Whether an organisation would be without an owner if the user were gone."""
    others = Membership.objects.filter(organization=OuterRef("organization"), role=Role.OWNER).exclude(user=user)
    return Membership.objects.filter(~Exists(others), user=user, role=Role.OWNER).exists()


@transaction.atomic
def suspend_organizations(*, ids: Iterable[uuid.UUID], now: datetime) -> int:
    """Stop all use of these organisations, and what runs for them; the number that were not suspended before."""
    rows = Organization.objects.select_for_update().filter(pk__in=list(ids), suspended_at=None)
    for organization in (found := list(rows)):
        organization.suspended_at = now
        organization.save(update_fields=["suspended_at"])
        organization_suspended.send(sender=Organization, organization=organization, now=now)
    return len(found)


def resume_organizations(*, ids: Iterable[uuid.UUID]) -> int:
    return Organization.objects.filter(pk__in=list(ids)).exclude(suspended_at=None).update(suspended_at=None)


@transaction.atomic
def prune_browser_sessions(*, now: datetime) -> int:
    """Delete what browsers that never signed out have left, which nothing else does; how many sessions."""
    expired, _ = Session.objects.filter(expire_date__lt=now).delete()
    # Its session is made before such a row, yet perhaps not committed.
    old = UserSession.objects.filter(last_seen_at__lt=now - timedelta(days=1))
    old.exclude(session_key__in=Session.objects.values("session_key")).delete()
    return expired


def create_token(
    *,
    actor: Actor,
    organization_id: uuid.UUID,
    name: str,
    scopes: Iterable[Scope],
    expires_at: datetime | None,
    key: uuid.UUID | None = None,
    now: datetime,
) -> tuple[ApiToken, str | None]:
    """A bearer token for the actor in one organisation, and its text, which is shown once and never stored.

    With a `key` that is known the token made then is given back, without its text.
    Raises: NotFound; Forbidden (a scope beyond the actor's role, or the actor came by a token); Invalid (no scope);
        TokenIdTaken.
    """
    wanted = sorted(set(scopes), key=list(Scope).index)
    if not wanted:
        raise Invalid.field("scopes", "Name at least one scope.")
    actor.require(organization_id, SCOPE_NEEDS[wanted[-1]])
    require_session(actor)
    secret = tokens.new()
    new = ApiToken(
        organization_id=organization_id,
        user=actor.user,
        name=name,
        prefix=secret.prefix,
        digest=secret.digest,
        scopes=[scope.value for scope in wanted],
        expires_at=expires_at,
        request_key=key,
        created_at=now,
    )
    if known := _same(new):
        return known, None
    try:
        with transaction.atomic():
            new.save(force_insert=True)
    except IntegrityError:
        if known := _same(new):
            return known, None
        raise
    return new, secret.text


def _same(asked: ApiToken) -> ApiToken | None:
    """What the same request made before. Raises: TokenIdTaken (it was another request, or it is over with)."""
    mine = ApiToken.objects.filter(user=asked.user, request_key=asked.request_key)
    made = mine.first() if asked.request_key else None
    if made is not None and (made.revoked_at is not None or _contents(made) != _contents(asked)):
        raise TokenIdTaken
    return made


def _contents(token: ApiToken) -> tuple[object, ...]:
    lifetime = token.expires_at - token.created_at if token.expires_at else None
    return token.organization_id, token.name, token.scopes, lifetime


def revoke_token(*, actor: Actor, token: ApiToken, now: datetime) -> None:
    """End a token at once; a second time is harmless. Raises: Forbidden (the actor came by a token)."""
    require_session(actor)
    ApiToken.objects.filter(pk=token.pk, revoked_at=None).update(revoked_at=now)


def require_session(actor: Actor, message: str = "API tokens are managed in the browser, not with a token.") -> None:
    """Tokens must not make or end tokens: a leaked one could outlive its own end."""
    if actor.token_id is not None:
        raise Forbidden(message)


def note_token_use(*, token: ApiToken, now: datetime) -> None:
    """Keep `last_used_at`, with one write a minute at most."""
    if token.last_used_at is None or now - token.last_used_at >= TOKEN_USE_INTERVAL:
        ApiToken.objects.filter(pk=token.pk).update(last_used_at=now)

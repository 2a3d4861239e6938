"""Who is asking: a browser session or a bearer token becomes an `Actor`."""

from __future__ import annotations

import uuid
from datetime import datetime

import structlog
from django.conf import settings
from django.http import HttpRequest
from django.utils import timezone
from ninja.security import APIKeyCookie, HttpBearer
from ninja.utils import check_csrf

from accounts import services, tokens
from accounts.errors import CsrfFailed, Unauthenticated
from accounts.models import ApiToken, Membership, Preferences, User
from accounts.tenancy import Actor, Role


class ActorRequest(HttpRequest):
    """A request as API handlers and signed-in pages get it; for annotations only."""

    actor: Actor
    preferences: Preferences  # on pages
    request_id: str
    user: User


def actor_for(user: User) -> Actor:
    """The user with the role held in each organisation, as it is now: one query."""
    roles: dict[uuid.UUID, Role] = {}
    suspended: dict[uuid.UUID, Role] = {}
    rows = Membership.objects.filter(user=user).values_list("organization_id", "role", "organization__suspended_at")
    for organization_id, role, suspended_at in rows:
        (roles if suspended_at is None else suspended)[organization_id] = Role(role)
    return Actor(user, roles, suspended)


def actor_for_token(text: str, *, now: datetime) -> Actor:
    """The actor behind a bearer token.

    Raises: Unauthenticated (no such token, revoked, expired, its user gone from the organisation or locked out).
    """
    secret = tokens.parse(text)
    row = ApiToken.objects.usable(now).select_related("user").filter(digest=secret.digest).first() if secret else None
    if row is None:
        raise Unauthenticated
    actor = actor_for(row.user).narrowed(row.organization_id, row.scopes, token_id=row.id)
    if not actor.roles and not actor.suspended:
        raise Unauthenticated
    services.note_token_use(token=row, now=now)
    return actor


def bearer_of(authorization: str) -> str | None:
    """The token in an `Authorization` header, or None when it is of another kind."""
    scheme, _, text = authorization.partition(" ")
    return text.strip() if scheme.lower() == "bearer" else None


def session_actor(request: HttpRequest) -> Actor:
    """The actor signed in with the browser. Raises: Unauthenticated."""
    if not isinstance(request.user, User):
        raise Unauthenticated
    structlog.contextvars.bind_contextvars(user_id=str(request.user.pk))
    return actor_for(request.user)


class TokenAuth(HttpBearer):
    """`Authorization: Bearer slp_…`. A bad token is refused even where a good session cookie comes with it."""

    def __call__(self, request: HttpRequest) -> Actor | None:
        token = bearer_of(request.headers.get(self.header, ""))
        return None if token is None else self.authenticate(request, token)

    def authenticate(self, request: HttpRequest, token: str) -> Actor:
        actor = actor_for_token(token, now=timezone.now())
        structlog.contextvars.bind_contextvars(user_id=str(actor.user.pk), token_id=str(actor.token_id))
        request.actor = actor  # type: ignore[attr-defined]
        return actor


class SessionAuth(APIKeyCookie):
    """The browser's session cookie; writes need the CSRF token too."""

    param_name = settings.SESSION_COOKIE_NAME

    def __call__(self, request: HttpRequest) -> Actor | None:
        # Who is not signed in hears that first: 401, not a complaint about CSRF.
        if not request.user.is_authenticated:
            return None
        if check_csrf(request) is not None:
            raise CsrfFailed
        return self.authenticate(request)

    def authenticate(self, request: HttpRequest, key: str | None = None) -> Actor:
        actor = session_actor(request)
        request.actor = actor  # type: ignore[attr-defined]
        return actor

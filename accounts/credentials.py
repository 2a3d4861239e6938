"""Whether who opened a stream may still read it: streams outlive the request that was checked."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime
from importlib import import_module
from types import SimpleNamespace
from typing import Any

from django.conf import settings
from django.contrib import auth

from accounts.auth import actor_for
from accounts.errors import Unauthenticated
from accounts.models import ApiToken, User
from accounts.tenancy import Actor

RECHECK_S = 10.0


@dataclass(frozen=True)
class Credentials:
    """What the stream was opened with; `session_key` is the browser session's, where there is one."""

    actor: Actor
    session_key: str | None = None

    def actor_now(self, now: datetime) -> Actor:
        """The actor with the roles of this moment.

        Raises: Unauthenticated (token revoked or expired, signed out, password changed, user locked).
        """
        if self.actor.token_id is not None:
            return _actor_of_token(self.actor.token_id, now)
        if self.session_key is not None:
            return actor_for(_user_of(self.session_key))
        user = User.objects.filter(pk=self.actor.user.pk, is_active=True).first()
        if user is None:
            raise Unauthenticated
        return actor_for(user)


def _actor_of_token(id: uuid.UUID, now: datetime) -> Actor:
    token = ApiToken.objects.usable(now).select_related("user").filter(pk=id).first()
    if token is None or not token.user.is_active:
        raise Unauthenticated
    return actor_for(token.user).narrowed(token.organization_id, token.scopes, token_id=token.pk)


def _user_of(session_key: str) -> User:
    """Read afresh from the session's store, which also notices a changed password."""
    store: Any = import_module(settings.SESSION_ENGINE).SessionStore(session_key)
    user = auth.get_user(SimpleNamespace(session=store))  # type: ignore[arg-type]
    if not isinstance(user, User) or not user.is_active:
        raise Unauthenticated
    return user

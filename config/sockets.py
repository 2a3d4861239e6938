"""Who may open a WebSocket: browsers from our own pages, and programs with an API token."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

from channels.auth import AuthMiddlewareStack
from channels.db import database_sync_to_async
from channels.routing import URLRouter
from channels.security.websocket import WebsocketDenier
from django.conf import settings
from django.urls import re_path
from django.utils import timezone

from accounts.auth import actor_for, actor_for_token, bearer_of
from accounts.errors import Unauthenticated
from accounts.models import User
from accounts.tenancy import Actor

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]


def sockets(patterns: list[Any]) -> Application:
    """The consumers of `patterns` behind origin and credentials; each finds `scope["actor"]`, an Actor or None."""
    fallback: Any = unknown_path
    router = URLRouter([*patterns, re_path("", fallback)])
    return OriginGate(AuthMiddlewareStack(ActorScope(router)))


class OriginGate:
    """Refuses the handshake (403) unless it comes from our one origin, or without any but with a bearer token.

    A browser always sends its page's origin, so a cookie alone never opens a socket for another site.
    """

    def __init__(self, inner: Application) -> None:
        self.inner = inner

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        origins = [value for name, value in scope["headers"] if name == b"origin"]
        if origins == [_own_origin()] or (not origins and _bearer(scope) is not None):
            await self.inner(scope, receive, send)
        else:
            await WebsocketDenier()(scope, receive, send)


class ActorScope:
    """Puts the actor into the scope: of the bearer token where there is one, else of the session."""

    def __init__(self, inner: Application) -> None:
        self.inner = inner

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.inner({**scope, "actor": await database_sync_to_async(_actor)(scope)}, receive, send)


async def unknown_path(scope: Scope, receive: Receive, send: Send) -> None:
    """An address that no consumer has: the socket opens only to say 4404."""
    await receive()
    await send({"type": "websocket.accept"})
    await send({"type": "websocket.close", "code": 4404})


def _actor(scope: Scope) -> Actor | None:
    token, user = _bearer(scope), scope["user"]
    if token is not None:
        try:
            return actor_for_token(token, now=timezone.now())
        except Unauthenticated:
            return None
    return actor_for(user) if isinstance(user, User) else None


def _bearer(scope: Scope) -> str | None:
    sent = [value.decode("latin-1") for name, value in scope["headers"] if name == b"authorization"]
    return bearer_of(sent[0]) if len(sent) == 1 else None


def _own_origin() -> bytes:
    base = urlsplit(settings.BASE_URL)
    return f"{base.scheme}://{base.netloc}".lower().encode()

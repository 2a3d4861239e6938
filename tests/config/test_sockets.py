"""Who may open a WebSocket, tried on a consumer that tells whom it sees."""

from __future__ import annotations

from typing import Any

import pytest
from asgiref.sync import async_to_sync
from channels.testing import WebsocketCommunicator
from django.conf import settings
from django.urls import re_path

from accounts.models import ApiToken, Organization, User
from accounts.tenancy import Actor
from config.asgi import application
from config.sockets import Application, Receive, Scope, Send, sockets
from tests import factories
from tests.client import session_key

OWN = settings.BASE_URL.encode()


async def tell_actor(scope: Scope, receive: Receive, send: Send) -> None:
    """Accepts, and says who is there."""
    actor: Actor | None = scope["actor"]
    await receive()
    await send({"type": "websocket.accept"})
    roles = "" if actor is None else ",".join(actor.roles.values())
    await send({"type": "websocket.send", "text": "nobody" if actor is None else f"{actor.user.email} {roles}"})
    await receive()


CONSUMER: Any = tell_actor
PROBE = sockets([re_path(r"^ws/probe$", CONSUMER)])


@async_to_sync
async def seen(headers: list[tuple[bytes, bytes]], probe: Application = PROBE, path: str = "/ws/probe") -> str | int:
    """What the consumer told, or the close code; "refused" when the handshake did not succeed."""
    communicator = WebsocketCommunicator(probe, path, headers)
    connected, _ = await communicator.connect(timeout=5)
    if not connected:
        return "refused"
    first = await communicator.receive_output(timeout=5)
    await communicator.disconnect()
    return int(first["code"]) if first["type"] == "websocket.close" else str(first["text"])


def cookie(user: User) -> tuple[bytes, bytes]:
    return b"cookie", f"{settings.SESSION_COOKIE_NAME}={session_key(user)}".encode()


def bearer(text: str) -> tuple[bytes, bytes]:
    return b"authorization", f"Bearer {text}".encode()


class TestBrowsers:
    def test_are_known_by_their_session(self, bob: User) -> None:
        assert seen([(b"origin", OWN), cookie(bob)]) == "bob@example.com MEMBER"

    def test_are_nobody_before_they_sign_in(self, db: None) -> None:
        assert seen([(b"origin", OWN)]) == "nobody"

    @pytest.mark.parametrize(
        "origin",
        [
            b"https://evil.example",
            b"https://preview-1.127.0.0.1:8470",
            OWN.replace(b"http:", b"https:"),
            OWN + b"1",
            OWN.rpartition(b":")[0],
            OWN + b".evil.example",
            OWN + b"/",
            b"null",
            b"",
            b"\xff\xfe",
        ],
    )
    def test_from_any_other_origin_are_refused(self, origin: bytes, bob: User) -> None:
        assert seen([(b"origin", origin), cookie(bob)]) == "refused"

    def test_without_an_origin_are_refused(self, bob: User) -> None:
        assert seen([cookie(bob)]) == "refused"

    def test_with_two_origins_are_refused(self, bob: User) -> None:
        assert seen([(b"origin", OWN), (b"origin", b"https://evil.example"), cookie(bob)]) == "refused"


class TestPrograms:
    def test_are_known_by_their_token(self, alice: User, organization: Organization) -> None:
        assert seen([bearer(factories.make_token(alice, organization))]) == "alice@example.com MEMBER"

    def test_with_a_revoked_token_are_nobody_even_with_a_session(self, bob: User, organization: Organization) -> None:
        text = factories.make_token(bob, organization)
        ApiToken.objects.all().delete()

        assert seen([bearer(text), cookie(bob)]) == "nobody"

    def test_with_a_foreign_origin_are_refused(self, bob: User, organization: Organization) -> None:
        text = factories.make_token(bob, organization)

        assert seen([(b"origin", b"https://evil.example"), bearer(text)]) == "refused"


class TestUnknownPath:
    @pytest.mark.parametrize("path", ["/", "/ws", "/ws/sessions/1", "/ws/sessions/%00", "/ws/nothing/" + "x" * 5000])
    def test_closes_with_not_found(self, path: str, bob: User) -> None:
        assert seen([(b"origin", OWN), cookie(bob)], application, path) == 4404

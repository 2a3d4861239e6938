"""Drives the gateway's ASGI application as a server would, one request at a time."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from gateway.asgi import application

MESSAGES = "/gateway/anthropic/v1/messages"


class Exchange:
    """A request under way and what came back of it."""

    def __init__(self, scope: dict[str, Any], body: bytes, *, chunk_bytes: int = 2**16) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        self.chunks: list[bytes] = []
        self._has_ended = False
        self.may_take = asyncio.Event()  # cleared: a client that does not read
        self.may_take.set()
        self.arrived = asyncio.Event()
        self._inbox: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        pieces = [body[start : start + chunk_bytes] for start in range(0, len(body), chunk_bytes)] or [b""]
        for number, piece in enumerate(pieces, 1):
            self._inbox.put_nowait({"type": "http.request", "body": piece, "more_body": number < len(pieces)})
        self.task = asyncio.ensure_future(application(scope, self._inbox.get, self._send))

    @property
    def body(self) -> bytes:
        return b"".join(self.chunks)

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    async def chunk(self) -> None:
        """Wait for the next piece of the body."""
        await asyncio.wait_for(self.arrived.wait(), 5)
        self.arrived.clear()

    def has_ended(self) -> bool:
        return self._has_ended

    def hang_up(self) -> None:
        self._inbox.put_nowait({"type": "http.disconnect"})

    async def _send(self, message: dict[str, Any]) -> None:
        await self.may_take.wait()
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = {name.decode(): value.decode() for name, value in message["headers"]}
            return
        self.chunks.append(message.get("body", b""))
        self._has_ended = not message.get("more_body", False)
        self.arrived.set()


def begin(
    token: str,
    body: Any,
    *,
    path: str = MESSAGES,
    method: str = "POST",
    query: str = "beta=true",
    headers: dict[str, str] | None = None,
) -> Exchange:
    """Start a request; `body` may be bytes or anything that JSON can say."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = {"x-api-key": token, "content-type": "application/json"} | (headers or {})
    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "query_string": query.encode(),
        "headers": [(name.encode(), value.encode("latin-1")) for name, value in named.items()],
    }
    return Exchange(scope, data)


async def call(token: str, body: Any, **options: Any) -> Exchange:
    """A request from its beginning to its end."""
    exchange = begin(token, body, **options)
    await asyncio.wait_for(exchange.task, 20)
    return exchange


def question(**fields: Any) -> dict[str, Any]:
    """A small, valid request."""
    return {
        "model": "claude-sonnet-5-5",
        "max_tokens": 100,
        "messages": [{"role": "user", "content": "hello"}],
        **fields,
    }

"""What is seen of sockets and streams from outside them: counts, close codes, and the id that their logs carry."""

from __future__ import annotations

import re
from collections.abc import Callable, Coroutine
from typing import Any

import structlog

from config.middleware import request_id_of
from config.sockets import Receive, Scope, Send
from runtime import metrics, tracing

Application = Callable[[Scope, Receive, Send], Coroutine[Any, Any, None]]

RESUMED = re.compile(rb"(?:^|&)after=0*[1-9]")
GONE = 1006  # without a word
ABNORMAL = "other"
NAMED_CODES = {1000, 1001, 1006, 1009, 1011, 1012, 1013, 4400, 4401, 4403, 4404, 4408}


class Observed:
    """The whole ASGI application, watched: each socket gets a request id, and open streams are counted by kind."""

    def __init__(self, inner: Application) -> None:
        self.inner = inner

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await self._socket(scope, receive, send)
        elif scope["type"] == "http":
            await self._request(scope, receive, send)
        else:
            await self.inner(scope, receive, send)

    async def _socket(self, scope: Scope, receive: Receive, send: Send) -> None:
        stream = _Stream("websocket", scope)
        headers = dict(scope["headers"])
        request_id = request_id_of(headers.get(b"x-request-id", b"").decode("latin-1"))
        parent = headers.get(b"traceparent", b"").decode("latin-1")

        async def receiving() -> dict[str, Any]:
            message = await receive()
            if message["type"] == "websocket.disconnect":
                stream.close(message.get("code") or GONE)
            return message

        async def sending(message: dict[str, Any]) -> None:
            if message["type"] == "websocket.accept":
                stream.open()
            elif message["type"] == "websocket.close":
                stream.close(message.get("code") or 1000)
            await send(message)

        with (
            structlog.contextvars.bound_contextvars(request_id=request_id),
            tracing.span("WEBSOCKET", parent=parent, request_id=request_id),
        ):
            try:
                await self.inner({**scope, "request_id": request_id}, receiving, sending)
            finally:
                stream.close(GONE)

    async def _request(self, scope: Scope, receive: Receive, send: Send) -> None:
        stream = _Stream("sse", scope)

        async def sending(message: dict[str, Any]) -> None:
            if message["type"] == "http.response.start" and _is_event_stream(message):
                stream.open()
            await send(message)
            if message["type"] == "http.response.body" and not message.get("more_body", False):
                stream.close("end")

        try:
            await self.inner(scope, receive, sending)
        finally:
            stream.close("left")


class _Stream:
    """One connection's way through the counters: opened at most once, closed once if it was."""

    def __init__(self, kind: str, scope: Scope) -> None:
        self._kind = kind
        names = {name for name, value in scope["headers"] if value}
        self._is_resumed = bool(RESUMED.search(scope.get("query_string", b""))) or b"last-event-id" in names
        self._is_open = False

    def open(self) -> None:
        self._is_open = True
        metrics.STREAMS_OPEN.labels(self._kind).inc()
        metrics.STREAMS_OPENED.labels(self._kind, "yes" if self._is_resumed else "no").inc()

    def close(self, code: int | str) -> None:
        if not self._is_open:
            return
        self._is_open = False
        known = code if isinstance(code, str) or code in NAMED_CODES else ABNORMAL  # a client may send any
        metrics.STREAMS_OPEN.labels(self._kind).dec()
        metrics.STREAMS_CLOSED.labels(self._kind, str(known)).inc()


def _is_event_stream(message: dict[str, Any]) -> bool:
    return any(
        name.lower() == b"content-type" and value.startswith(b"text/event-stream")
        for name, value in message.get("headers", [])
    )

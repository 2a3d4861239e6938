"""A stand-in for the vendor's API, over real HTTP: it records what reaches it and answers as a test says."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from gateway import upstream

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]

USAGE = {
    "input_tokens": 100,
    "output_tokens": 20,
    "cache_read_input_tokens": 3000,
    "cache_creation_input_tokens": 500,
    "cache_creation": {"ephemeral_5m_input_tokens": 400, "ephemeral_1h_input_tokens": 100},
    "server_tool_use": {"web_search_requests": 1},
}


@dataclass
class Seen:
    """One request as it reached the vendor."""

    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Vendor:
    url: str = ""
    answer: Answer | None = None
    seen: list[Seen] = field(default_factory=list)
    hung_up: asyncio.Event = field(default_factory=asyncio.Event)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.seen.append(Seen(request.path_qs, headers, await request.read()))
        try:
            return await (self.answer or whole)(request)
        except (asyncio.CancelledError, ConnectionError):
            self.hung_up.set()
            raise


@asynccontextmanager
async def running(answer: Answer | None = None) -> AsyncIterator[Vendor]:
    """A vendor on a free port of the loopback; the gateway's client is closed with it."""
    vendor = Vendor(answer=answer)
    app = web.Application(client_max_size=64 * 2**20)
    app.router.add_route("*", "/{path:.*}", vendor.handle)
    runner = web.AppRunner(app, handler_cancellation=True, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    vendor.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield vendor
    finally:
        await upstream.close()
        await runner.cleanup()


def message(**usage: Any) -> dict[str, Any]:
    """A whole answer of the Messages API."""
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-sonnet-5-5",
        "content": [{"type": "text", "text": "Hello"}],
        "stop_reason": "end_turn",
        "usage": {**USAGE, **usage},
    }


async def whole(request: web.Request) -> web.StreamResponse:
    return web.json_response(message(), headers={"request-id": "req_whole", "set-cookie": "a=b"})


def event(kind: str, **data: Any) -> bytes:
    """One server-sent event as the vendor writes it."""
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **data})}\n\n".encode()


START = event("message_start", message={**message(output_tokens=1), "content": []})
DELTA = event("content_block_delta", index=0, delta={"type": "text_delta", "text": "Hello, " * 3})
END = event("message_delta", delta={"stop_reason": "end_turn"}, usage={"output_tokens": 20}) + event("message_stop")


async def stream_of(request: web.Request, *parts: bytes) -> web.StreamResponse:
    """A streamed answer, not yet ended."""
    response = web.StreamResponse(headers={"content-type": "text/event-stream", "request-id": "req_stream"})
    response.enable_chunked_encoding()
    await response.prepare(request)
    for part in parts:
        await response.write(part)
    return response


async def streamed(request: web.Request) -> web.StreamResponse:
    return await stream_of(request, START, DELTA, END)


def failing(status: int, kind: str, **headers: str) -> Answer:
    """An error of the vendor."""

    async def answer(request: web.Request) -> web.StreamResponse:
        body = {"type": "error", "error": {"type": kind, "message": f"vendor says {status}"}}
        return web.json_response(body, status=status, headers={"request-id": f"req_{status}", **headers})

    return answer

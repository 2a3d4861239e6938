"""The practice model behind a real HTTP server on loopback, for the real CLI to talk to."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import web

from gateway import practice

PREFIX = "/gateway/anthropic"


@dataclass
class PracticeServer:
    """Where the server listens, and every request body that it got."""

    url: str = ""
    bodies: list[dict[str, Any]] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)

    async def messages(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        self.bodies.append(body)
        self.keys.append(request.headers.get("x-api-key", ""))
        reply = await practice.respond(body, scripts=True, pace=0.2)
        if reply.stream is None:
            headers = {name: value for name, value in reply.headers.items() if name != "content-type"}
            return web.json_response(reply.body, status=reply.status, headers=headers)
        response = web.StreamResponse(headers=reply.headers)
        await response.prepare(request)
        try:
            async for chunk in reply.stream:
                await response.write(chunk)
        except practice.StreamDropped:
            if request.transport is not None:
                request.transport.abort()
        return response

    async def count_tokens(self, request: web.Request) -> web.Response:
        return web.json_response({"input_tokens": practice.count(await request.json())})


@contextlib.asynccontextmanager
async def serving(socket: Path | None = None) -> AsyncIterator[PracticeServer]:
    """Serve on a unix socket when one is named, else on a free port of loopback."""
    server = PracticeServer()
    app = web.Application(client_max_size=200 * 2**20)
    app.router.add_post(f"{PREFIX}/v1/messages", server.messages)
    app.router.add_post(f"{PREFIX}/v1/messages/count_tokens", server.count_tokens)
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=1)
    await runner.setup()
    try:
        if socket is not None:
            await web.UnixSite(runner, str(socket)).start()
            server.url = f"http://gateway.local{PREFIX}"
        else:
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            server.url = f"http://127.0.0.1:{runner.addresses[0][1]}{PREFIX}"
        yield server
    finally:
        await runner.cleanup()

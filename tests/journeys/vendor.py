"""A stand-in for the model's vendor, in a thread of its own: answers as the practice model does, and notes who asks."""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

from aiohttp import web

from gateway import practice


@dataclass
class Vendor:
    """The vendor's API, which notes who asks."""

    url: str = ""
    seen: list[dict[str, str]] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.seen.append({name.lower(): value for name, value in request.headers.items()})
        self.bodies.append(await request.read())
        body = json.loads(self.bodies[-1])
        if request.path.endswith("count_tokens"):
            return web.json_response({"input_tokens": practice.count(body)})
        reply = await practice.respond(body, scripts=True)
        if reply.stream is None:
            return web.json_response(reply.body, status=reply.status)
        response = web.StreamResponse(status=reply.status, headers=reply.headers)
        await response.prepare(request)
        async for chunk in reply.stream:
            await response.write(chunk)
        return response


@contextlib.contextmanager
def serving() -> Iterator[Vendor]:
    made, ready, done = Vendor(), threading.Event(), asyncio.Event()
    loop = asyncio.new_event_loop()

    async def serve() -> None:
        app = web.Application(client_max_size=64 * 2**20)
        app.router.add_route("*", "/{path:.*}", made.handle)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        made.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        ready.set()
        await done.wait()
        await runner.cleanup()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()))
    thread.start()
    assert ready.wait(10)
    yield made
    loop.call_soon_threadsafe(done.set)
    thread.join()
    loop.close()

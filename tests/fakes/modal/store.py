"""Over plain HTTP: the contents of volumes for the client, and orders of the tests for the server itself."""

from __future__ import annotations

import hashlib
from typing import Any

from aiohttp import web
from google.protobuf.json_format import MessageToDict
from modal_proto import api_pb2 as api

from tests.fakes.modal.rpc import Faults, Server
from tests.fakes.modal.sandbox import Sandbox
from tests.fakes.modal.world import World

LARGEST = 2**30


class Store:
    """The web application; `servers` are the two that can have an outage."""

    def __init__(self, world: World, faults: Faults, servers: dict[str, Server]) -> None:
        self._world = world
        self._faults = faults
        self._servers = servers

    def application(self) -> web.Application:
        made = web.Application(client_max_size=LARGEST)
        made.add_routes(
            [
                web.put("/put/{id}", self._put),
                web.get("/get/{volume}/{path:.*}", self._get),
                web.post("/test/plan", self._plan),
                web.post("/test/outage", self._outage),
                web.post("/test/finish", self._finish),
                web.post("/test/forget", self._forget),
                web.get("/test/calls", self._calls),
                web.get("/test/sandboxes", self._sandboxes),
            ]
        )
        return made

    async def _put(self, request: web.Request) -> web.Response:
        body = await request.read()
        self._world.contents[hashlib.sha256(body).hexdigest()] = body
        return web.Response(text="stored")

    async def _get(self, request: web.Request) -> web.Response:
        volume = self._world.volumes[request.match_info["volume"]]
        return web.Response(body=volume.inside(request.match_info["path"]).read_bytes())

    async def _plan(self, request: web.Request) -> web.Response:
        order = await request.json()
        self._faults.plans.setdefault(order["rpc"], []).extend(order["plans"])
        return web.json_response({})

    async def _outage(self, request: web.Request) -> web.Response:
        order = await request.json()
        for name in order["servers"]:
            server = self._servers[name]
            if order["what"] == "up":
                await server.up()
            elif order["what"] == "down":
                server.down()
            else:
                server.drop()
        return web.json_response({})

    async def _finish(self, request: web.Request) -> web.Response:
        order = await request.json()
        status = api.GenericResult.GenericStatus.Value(f"GENERIC_STATUS_{order['status']}")
        self._world.sandbox(order["id"]).finish(status)
        return web.json_response({})

    async def _forget(self, request: web.Request) -> web.Response:
        self._world.forget((await request.json())["id"])
        return web.json_response({})

    async def _calls(self, request: web.Request) -> web.Response:
        return web.json_response(self._faults.calls)

    async def _sandboxes(self, request: web.Request) -> web.Response:
        return web.json_response([_told(sandbox) for sandbox in self._world.sandboxes.values()])


def _told(sandbox: Sandbox) -> dict[str, Any]:
    definition = MessageToDict(sandbox.definition, preserving_proto_field_name=True)
    is_running = sandbox.result is None
    return {"id": sandbox.id, "is_running": is_running, "tags": sandbox.tags, "definition": definition}

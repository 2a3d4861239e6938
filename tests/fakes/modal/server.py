"""The process of the local Modal: `python -m tests.fakes.modal.server FOLDER [SOURCE:TARGET …]`.

It prints one line of JSON, `{"server": …, "store": …}`, and serves until its input ends.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

from aiohttp import web

from tests.fakes.modal.control import Control
from tests.fakes.modal.router import Router
from tests.fakes.modal.rpc import Faults, Server, complete
from tests.fakes.modal.store import Store
from tests.fakes.modal.world import World


async def serve(base: Path, shared: list[tuple[str, str]]) -> None:
    world, faults = World(base, shared), Faults()
    control = complete(Control)(world, faults)
    servers = {"control": Server(control), "router": Server(complete(Router)(world, faults))}
    for server in servers.values():
        await server.up()
    runner = web.AppRunner(Store(world, faults, servers).application())
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    control.store_url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    control.router_url = f"http://127.0.0.1:{servers['router'].port}"
    address = f"http://127.0.0.1:{servers['control'].port}"
    sys.stdout.write(json.dumps({"server": address, "store": control.store_url}) + "\n")
    sys.stdout.flush()
    await asyncio.to_thread(sys.stdin.read)
    world.close()
    for server in servers.values():
        server.down()
    await runner.cleanup()


def main(arguments: list[str]) -> None:
    shared = [(source, target) for source, _, target in (pair.partition(":") for pair in arguments[1:])]
    asyncio.run(serve(Path(arguments[0]), shared))


if __name__ == "__main__":
    main(sys.argv[1:])

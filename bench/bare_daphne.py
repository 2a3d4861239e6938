"""Stock daphne with an application that does nothing, as the baseline."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass

import aiohttp

from bench import bare_app
from tests.journeys.server import free_port

START_TIMEOUT_S = 20.0


@dataclass(frozen=True)
class Bare:
    pid: int
    url: str


@contextlib.asynccontextmanager
async def serving() -> AsyncIterator[Bare]:
    """A process of its own that answers."""
    port = free_port()
    command = ["-m", "daphne", "-v", "0", "-p", str(port), f"{bare_app.__name__}:application"]
    process = await asyncio.create_subprocess_exec(sys.executable, *command)
    bare = Bare(process.pid, f"http://127.0.0.1:{port}/")
    try:
        await until_answers(bare.url)
        yield bare
    finally:
        process.terminate()
        await process.wait()


async def until_answers(url: str) -> None:
    """Wait until a server that was just started speaks HTTP there. Raises: TimeoutError."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + START_TIMEOUT_S
    async with aiohttp.ClientSession() as http:
        while not await _answers(http, url):
            if loop.time() > deadline:
                raise TimeoutError(f"nothing answers at {url}")
            await asyncio.sleep(0.05)


async def _answers(http: aiohttp.ClientSession, url: str) -> bool:
    try:
        async with http.get(url):
            return True
    except aiohttp.ClientConnectionError:
        return False

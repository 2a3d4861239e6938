"""A conversation with the guest over the engine's exec, for where its socket cannot be reached from outside."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Sequence

import aiohttp
from aiodocker import Docker, DockerError
from aiodocker.stream import Stream

from sandbox.connection import STREAM_LIMIT, Streams

CHUNK = 64 * 2**10
STDOUT = 1
_running: set[asyncio.Task[None]] = set()  # the event loop itself holds tasks only weakly


async def open_exec(client: Docker, container: str, argv: Sequence[str], user: str) -> Streams:
    """Run a program in the container and give its standard streams; the client is closed when they are.

    A socket pair stands between, so that whoever does not read makes the program wait.
    """
    execution = await client.containers.container(container).exec(argv, stdin=True, user=user)
    stream = execution.start(timeout=aiohttp.ClientTimeout(total=None))
    await stream._init()
    ours, theirs = socket.socketpair()
    near = await asyncio.open_connection(sock=ours, limit=STREAM_LIMIT)
    far = await asyncio.open_connection(sock=theirs, limit=STREAM_LIMIT)
    task = asyncio.create_task(_carry(client, container, stream, *far))
    _running.add(task)
    task.add_done_callback(_running.discard)
    return near


async def _carry(
    client: Docker, container: str, stream: Stream, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """Both ways, until either side ends, or the container: the engine's stream can outlast a killed gVisor."""
    ways = [
        asyncio.create_task(_inward(stream, reader)),
        asyncio.create_task(_outward(stream, writer)),
        asyncio.create_task(_ended(client, container)),
    ]
    try:
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in ways:
            task.cancel()
        await asyncio.gather(*ways, return_exceptions=True)
        writer.close()
        with contextlib.suppress(DockerError, aiohttp.ClientError, OSError):
            await stream.close()
        await client.close()


async def _inward(stream: Stream, reader: asyncio.StreamReader) -> None:
    while data := await reader.read(CHUNK):
        await stream.write_in(data)


async def _outward(stream: Stream, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(DockerError, aiohttp.ClientError, OSError):
        while (message := await stream.read_out()) is not None:
            if message.stream == STDOUT:
                writer.write(message.data)
                await writer.drain()


async def _ended(client: Docker, container: str) -> None:
    with contextlib.suppress(DockerError, aiohttp.ClientError, OSError):
        await client.containers.container(container).wait()

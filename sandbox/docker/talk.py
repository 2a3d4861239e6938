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
CLOSE_S = 5.0
LOST = (DockerError, aiohttp.ClientError, OSError)


class _Outgoing:
    """Our end's way out; what carries it further is gone when it is closed, so that nothing outlives a conversation."""

    def __init__(self, writer: asyncio.StreamWriter, carrying: asyncio.Task[None]) -> None:
        self._writer, self._carrying = writer, carrying

    def write(self, data: bytes, /) -> None:
        self._writer.write(data)

    async def drain(self) -> None:
        await self._writer.drain()

    def close(self) -> None:
        self._writer.close()

    async def wait_closed(self) -> None:
        await asyncio.wait([self._carrying], timeout=CLOSE_S)
        await self._writer.wait_closed()


async def open_exec(client: Docker, container: str, argv: Sequence[str], user: str) -> Streams:
    """Run a program in the container and give its standard streams; the client is closed when they are.

    A socket pair stands between, so that whoever does not read makes the program wait.
    """
    execution = await client.containers.container(container).exec(argv, stdin=True, user=user)
    stream = execution.start(timeout=aiohttp.ClientTimeout(total=None))
    async with contextlib.AsyncExitStack() as opened:
        opened.push_async_callback(_close, stream)
        await stream._init()
        ours, theirs = socket.socketpair()
        reader, writer = await asyncio.open_connection(sock=ours, limit=STREAM_LIMIT)
        opened.callback(writer.close)
        far = await asyncio.open_connection(sock=theirs, limit=STREAM_LIMIT)
        opened.callback(far[1].close)
        carrying = asyncio.create_task(_carry(client, container, stream, *far))
        await asyncio.sleep(0)  # a task that is cancelled before it has begun closes nothing
        opened.pop_all()
    return reader, _Outgoing(writer, carrying)


async def _carry(
    client: Docker, container: str, stream: Stream, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """Both ways, until either side ends, or the container: the engine's stream can outlast a killed gVisor."""
    ways = [
        asyncio.create_task(_inward(stream, reader)),
        asyncio.create_task(_outward(stream, writer)),
        asyncio.create_task(_ended(client, container)),
    ]
    async with contextlib.AsyncExitStack() as left:  # each of them also when this is cancelled once more meanwhile
        left.push_async_callback(client.close)
        left.push_async_callback(_close, stream)
        left.push_async_callback(_give_up, ways)
        left.callback(writer.close)
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)


async def _give_up(ways: Sequence[asyncio.Task[None]]) -> None:
    for task in ways:
        task.cancel()
    await asyncio.gather(*ways, return_exceptions=True)


async def _close(stream: Stream) -> None:
    with contextlib.suppress(*LOST, AssertionError):  # the last when it has lost its connection
        await stream.close()


async def _inward(stream: Stream, reader: asyncio.StreamReader) -> None:
    while data := await reader.read(CHUNK):
        await stream.write_in(data)


async def _outward(stream: Stream, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(*LOST):
        while (message := await stream.read_out()) is not None:
            if message.stream == STDOUT:
                writer.write(message.data)
                await writer.drain()


async def _ended(client: Docker, container: str) -> None:
    with contextlib.suppress(*LOST):
        await client.containers.container(container).wait()

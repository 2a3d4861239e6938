"""The way out to the gateway for sandboxes that cannot be shown its socket: carried by conversations with the guest."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

import structlog

from sandbox.client import GuestClient
from sandbox.connection import CHUNK, DATA, END, Connection
from sandbox.errors import SandboxError

WAITING = 4  # conversations that wait for a connection; a burst beyond them waits a moment
MOST_CARRIED = 64
PAUSE_S = 1.0

logger = structlog.get_logger(__name__)


class Carrier:
    """Takes connections that are made to the gateway's socket inside, and joins each with one to the socket here.

    Any number of carriers, in any number of processes, may serve one sandbox. One that dies takes its connections with
    it and no others; what nobody has taken waits inside.
    """

    def __init__(self, guest: GuestClient, socket_path: Path) -> None:
        self._guest = guest
        self._socket_path = socket_path
        self._room = asyncio.Semaphore(MOST_CARRIED)
        self._waiting = asyncio.Semaphore(WAITING)

    async def run(self) -> None:
        """Carry until cancelled."""
        async with asyncio.TaskGroup() as group:
            while True:
                await self._room.acquire()
                await self._waiting.acquire()
                group.create_task(self._serve_one())

    async def _serve_one(self) -> None:
        is_waiting = True
        try:
            async with await self._guest.take_gateway() as connection:
                self._waiting.release()
                is_waiting = False
                await self._carry(connection)
        except (SandboxError, OSError) as error:
            if is_waiting:
                logger.debug("gateway_not_carried", reason=str(error))
                await asyncio.sleep(PAUSE_S)  # The sandbox is out of reach, or has ended: whoever runs us will know.
        finally:
            if is_waiting:
                self._waiting.release()
            self._room.release()

    async def _carry(self, connection: Connection) -> None:
        reader, writer = await asyncio.open_unix_connection(self._socket_path)
        inward = asyncio.create_task(_carry_in(reader, connection))
        try:
            while (frame := await connection.read()) is not None:
                if frame[0] == DATA:
                    writer.write(frame[1])
                    await writer.drain()
                elif frame[0] == END and writer.can_write_eof():
                    writer.write_eof()
        finally:
            inward.cancel()
            await asyncio.gather(inward, return_exceptions=True)
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()


async def _carry_in(reader: asyncio.StreamReader, connection: Connection) -> None:
    while data := await reader.read(CHUNK):
        await connection.send_data(data)
    await connection.send(END)

"""The way out to sockets of ours for sandboxes that cannot be shown them: carried by conversations with the guest."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import structlog

from sandbox.client import GuestClient
from sandbox.connection import CHUNK, DATA, END, Connect, Connection
from sandbox.errors import BadRequest, SandboxError, SandboxGone

API = "api.sock"  # the gateway's
SSH_AGENT = "agent.sock"  # the keys that an operator lends

WAITING = {API: 4, SSH_AGENT: 1}  # conversations that wait for a connection; a burst beyond them waits a moment
MOST_CARRIED = {API: 64, SSH_AGENT: 16}
PAUSE_S = 1.0
GIVEN_UP_S = 30.0  # a sandbox that was gone for so long does not come back

logger = structlog.get_logger(__name__)


class Carrier:
    """Takes connections that are made to a socket inside, and joins each with one to the socket of that name here.

    Any number of carriers, in any number of processes, may serve one sandbox. One that dies takes its connections with
    it and no others; what nobody has taken waits inside. `in_use` is entered while a connection is carried.
    """

    def __init__(
        self,
        guest: GuestClient,
        folder: Path,
        name: str = API,
        *,
        in_use: Callable[[], AbstractContextManager[None]] = nullcontext,
    ) -> None:
        self._guest = guest
        self._folder, self._name = folder, name
        self._in_use = in_use
        self._room = asyncio.Semaphore(MOST_CARRIED[name])
        self._waiting = asyncio.Semaphore(WAITING[name])
        self._gone_since: float | None = None
        self._is_refused = False

    async def run(self) -> None:
        """Carry until cancelled, until the sandbox has been gone for a while, or at once if it has no such socket."""
        async with asyncio.TaskGroup() as group:
            while not self._is_given_up():
                await self._room.acquire()
                await self._waiting.acquire()
                group.create_task(self._serve_one())

    def _is_given_up(self) -> bool:
        is_gone = self._gone_since is not None and time.monotonic() - self._gone_since > GIVEN_UP_S
        return self._is_refused or is_gone

    async def _serve_one(self) -> None:
        is_waiting = True
        try:
            async with await self._guest.take_gateway(self._name) as connection:
                self._waiting.release()
                is_waiting = False
                self._gone_since = None
                with self._in_use():
                    await self._carry(connection)
        except BadRequest:
            self._is_refused = True
        except (SandboxError, OSError) as error:
            if is_waiting:
                logger.debug("gateway_not_carried", reason=str(error))
                if isinstance(error, SandboxGone):
                    self._gone_since = self._gone_since or time.monotonic()
                await asyncio.sleep(PAUSE_S)  # The sandbox is out of reach, or has ended: whoever runs us will know.
        finally:
            if is_waiting:
                self._waiting.release()
            self._room.release()

    async def _carry(self, connection: Connection) -> None:
        reader, writer = await asyncio.open_unix_connection(self._folder / self._name)
        inward = asyncio.create_task(_carry_in(reader, connection))
        try:
            while (frame := await connection.read()) is not None:
                if frame[0] == DATA:
                    writer.write(frame[1])
                    await writer.drain()
                elif frame[0] == END and writer.can_write_eof():
                    writer.write_eof()
        finally:
            writer.close()  # First: whoever leaves this may be cancelled once more while he waits.
            inward.cancel()
            await asyncio.gather(inward, return_exceptions=True)
            with contextlib.suppress(OSError):
                await writer.wait_closed()


@contextlib.asynccontextmanager
async def carried(
    connect: Connect,
    folder: Path | None,
    names: Sequence[str],
    *,
    in_use: Callable[[], AbstractContextManager[None]] = nullcontext,
) -> AsyncIterator[None]:
    """While the block runs, connections to these sockets inside are carried to those of the same names in `folder`."""
    guest = GuestClient(connect)
    carriers = [Carrier(guest, folder, name, in_use=in_use) for name in names] if folder is not None else []
    tasks = [asyncio.create_task(carrier.run()) for carrier in carriers]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _carry_in(reader: asyncio.StreamReader, connection: Connection) -> None:
    while data := await reader.read(CHUNK):
        await connection.send_data(data)
    await connection.send(END)

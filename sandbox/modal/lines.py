"""The lines of this process, one for each sandbox that it talks with: made when needed, kept while warm."""

from __future__ import annotations

import asyncio
import socket
from dataclasses import dataclass
from pathlib import Path

import modal

from sandbox.carrier import Carrier
from sandbox.client import GuestClient
from sandbox.connection import STREAM_LIMIT, Streams
from sandbox.errors import SandboxGone
from sandbox.modal import entry, thread
from sandbox.modal.access import clients, mapped
from sandbox.modal.line import Line, LineBroken
from sandbox.spec import ModalCredential

WARM_S = 60.0  # how long a line is kept that nobody uses; as long the gateway can be reached without one


@dataclass(frozen=True)
class Address:
    """Which sandbox, by whose credential; and where the gateway's socket is that it may reach."""

    credential: ModalCredential | None
    sandbox_id: str
    gateway: Path | None


class Lines:
    """All state lives on the thread's loop."""

    def __init__(self) -> None:
        self._lines: dict[Address, asyncio.Task[Line]] = {}
        self._keepers: set[asyncio.Task[None]] = set()

    async def connect(self, address: Address) -> Streams:
        """A conversation with the guest, on the caller's own loop.

        Raises: SandboxGone (it has ended), BackendUnavailable (Modal cannot be reached, or refuses).
        """
        sock = await thread.shared.run(self._open(address))
        return await asyncio.open_unix_connection(sock=sock, limit=STREAM_LIMIT)

    async def hang_up(self, address: Address) -> None:
        """End the line to a sandbox, if there is one."""
        await thread.shared.run(self._hang_up(address))

    async def close(self) -> None:
        """End every line."""
        await thread.shared.run(self._close())

    async def _open(self, address: Address) -> socket.socket:
        return (await self._line(address)).open()

    async def _line(self, address: Address) -> Line:
        making = self._lines.get(address)
        if making is None or _is_spent(making):
            making = self._lines[address] = asyncio.create_task(self._make(address))
        # Shielded: whoever is in a hurry and leaves must not end what others wait for.
        return await asyncio.shield(making)

    async def _make(self, address: Address) -> Line:
        with mapped():
            client = await clients.client(address.credential)
            handle = await modal.Sandbox.from_id.aio(address.sandbox_id, client=client)
            process = await handle.exec.aio(*entry.trunk_command(), text=False)
        line = Line(process)
        try:
            await line.ready()
        except (LineBroken, TimeoutError) as error:
            await line.close()
            raise SandboxGone from error
        keeper = asyncio.create_task(_keep(line, handle, address))
        self._keepers.add(keeper)
        keeper.add_done_callback(self._keepers.discard)
        return line

    async def _hang_up(self, address: Address) -> None:
        making = self._lines.pop(address, None)
        if making is not None:
            (line,) = await asyncio.gather(making, return_exceptions=True)
            if isinstance(line, Line):
                await line.close()

    async def _close(self) -> None:
        for address in list(self._lines):
            await self._hang_up(address)
        await asyncio.gather(*self._keepers, return_exceptions=True)


lines = Lines()


def _is_spent(making: asyncio.Task[Line]) -> bool:
    if not making.done():
        return False
    return making.cancelled() or making.exception() is not None or making.result().is_spent


async def _keep(line: Line, handle: modal.Sandbox, address: Address) -> None:
    """Carry the gateway's connections for as long as the line is used, and hang up when it no longer is."""

    async def connect() -> Streams:
        return await asyncio.open_unix_connection(sock=line.open(is_own=True), limit=STREAM_LIMIT)

    carrying = None
    if address.gateway is not None:
        carrying = asyncio.create_task(Carrier(GuestClient(connect), address.gateway).run())
    await line.cooled(WARM_S)
    if carrying is not None:
        carrying.cancel()
        await asyncio.gather(carrying, return_exceptions=True)
    await line.close()
    await handle.detach.aio()  # type: ignore[no-untyped-call]  # the SDK leaves it untyped

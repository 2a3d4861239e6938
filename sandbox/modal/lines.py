"""The trunks of this process, one for each sandbox that it talks with: made when needed, kept while warm."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import modal

from sandbox.carrier import API, carried
from sandbox.connection import Streams
from sandbox.errors import SandboxGone, Unreachable
from sandbox.modal import entry, thread
from sandbox.modal.access import ModalAway, clients, mapped
from sandbox.spec import ModalCredential
from sandbox.trunk import Trunk, TrunkBroken, streams

RETIRED_BYTES = 2**30  # Modal keeps what an exec has said: a trunk that carried so much makes place for another


@dataclass(frozen=True)
class Address:
    """Which sandbox, by whose credential; and the folder of the gateway's socket that it may reach."""

    credential: ModalCredential | None
    sandbox_id: str
    gateway: Path | None


class ExecPipe:
    """A running exec of the trunk, with bytes as its streams."""

    def __init__(self, process: Any) -> None:
        self._process = process

    def output(self) -> AsyncIterator[bytes]:
        said: AsyncIterator[bytes] = self._process.stdout
        return said

    async def send(self, data: bytes) -> None:
        self._process.stdin.write(data)
        await self._process.stdin.drain.aio()

    async def hang_up(self) -> None:
        self._process.stdin.write_eof()
        await self._process.stdin.drain.aio()


class Lines:
    """All state lives on the thread's loop."""

    def __init__(self) -> None:
        self._trunks: dict[Address, asyncio.Task[Trunk]] = {}
        self._keepers: set[asyncio.Task[None]] = set()

    async def connect(self, address: Address, made: modal.Sandbox | None = None) -> Streams:
        """A conversation with the guest, on the caller's own loop.

        `made` is what making the sandbox has told: the trunk takes it over, and need not ask for it again.

        Raises: SandboxGone (it has ended), Unreachable (Modal cannot be reached), BackendUnavailable (it refuses).
        """
        try:
            trunk, sock = await thread.shared.run(self._open(address, made))
        except ModalAway as error:
            raise Unreachable(error.message) from error
        return await streams(trunk, sock)

    async def hang_up(self, address: Address) -> None:
        """End the trunk to a sandbox, if there is one."""
        await thread.shared.run(self._hang_up(address))

    async def close(self) -> None:
        """End every trunk."""
        await thread.shared.run(self._close())

    async def _open(self, address: Address, made: modal.Sandbox | None) -> tuple[Trunk, socket.socket]:
        trunk = await self._trunk(address, made)
        return trunk, trunk.open()

    async def _trunk(self, address: Address, made: modal.Sandbox | None) -> Trunk:
        making = self._trunks.get(address)
        if making is None or _is_spent(making):
            making = self._trunks[address] = asyncio.create_task(self._make(address, made))
        # Shielded: whoever is in a hurry and leaves must not end what others wait for.
        return await asyncio.shield(making)

    async def _make(self, address: Address, made: modal.Sandbox | None) -> Trunk:
        making = asyncio.current_task()
        try:
            trunk, handle = await _begun(address, made)
        except BaseException:
            self._forget(address, making)
            raise
        keeper = asyncio.create_task(self._keep(address, trunk, handle))
        self._keepers.add(keeper)
        keeper.add_done_callback(self._keepers.discard)
        keeper.add_done_callback(lambda _: self._forget(address, making))
        return trunk

    def _forget(self, address: Address, making: object) -> None:
        if self._trunks.get(address) is making:
            del self._trunks[address]

    async def _keep(self, address: Address, trunk: Trunk, handle: modal.Sandbox) -> None:
        """Carry the gateway's connections for as long as the trunk is used, and hang up when it no longer is."""
        async with carried(lambda: trunk.connect(is_own=True), address.gateway, (API,), in_use=trunk.in_use):
            await trunk.cooled()
        await trunk.close()
        await handle.detach.aio()  # type: ignore[no-untyped-call]  # the SDK leaves it untyped

    async def _hang_up(self, address: Address) -> None:
        making = self._trunks.pop(address, None)
        if making is not None:
            (trunk,) = await asyncio.gather(making, return_exceptions=True)
            if isinstance(trunk, Trunk):
                await trunk.close()

    async def _close(self) -> None:
        for address in list(self._trunks):
            await self._hang_up(address)
        await asyncio.gather(*self._keepers, return_exceptions=True)


lines = Lines()


async def _begun(address: Address, handle: modal.Sandbox | None) -> tuple[Trunk, modal.Sandbox]:
    """A trunk that answers. Raises: as `Lines.connect`."""
    with mapped():
        if handle is None:
            client = await clients.client(address.credential)
            handle = await modal.Sandbox.from_id.aio(address.sandbox_id, client=client)
        process = await handle.exec.aio(*entry.trunk_command(), text=False)
    try:
        return await Trunk.begun(ExecPipe(process)), handle
    except TrunkBroken as error:
        raise SandboxGone from error
    except TimeoutError as error:
        raise Unreachable from error


def _is_spent(making: asyncio.Task[Trunk]) -> bool:
    """Whether the next conversation should have a new one."""
    if not making.done():
        return False
    failed = making.cancelled() or making.exception() is not None
    return failed or not making.result().is_open or making.result().received > RETIRED_BYTES

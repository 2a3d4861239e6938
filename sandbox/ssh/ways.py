"""How this process reaches a sandbox on another machine, for as long as the connection lasts that it goes over.

Channels to the guest's socket, where the server leads to sockets; else a trunk, which is one command. Either way the
sandbox reaches the gateway by connections that are carried out to us, so that the server need not forward anything.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from pathlib import Path

import asyncssh

from sandbox import inside
from sandbox.carrier import carried
from sandbox.connection import Streams
from sandbox.errors import SandboxError, SandboxGone, Unreachable
from sandbox.spec import SshAccount
from sandbox.ssh.commands import MARKER, MAX_ANSWER, command
from sandbox.ssh.lines import Line, lines
from sandbox.ssh.streams import LOST, ChannelReader, ChannelWriter
from sandbox.trunk import Trunk, TrunkBroken

GREETING = MARKER + b"trunk\n"
CHUNK = 2**16


class Forbidden(SandboxError):
    """The SSH server does not lead to sockets, or nobody listens there."""


class Way(ABC):
    """One of the two, and what is carried over it."""

    def __init__(self, line: Line) -> None:
        self.line = line
        self._keeper: asyncio.Task[None] | None = None

    @property
    def is_open(self) -> bool:
        return self.line.is_open

    @abstractmethod
    async def connect(self, *, is_own: bool = False) -> Streams:
        """A conversation with the guest; `is_own`: it does not count as a use of the connection.

        Raises: SandboxGone, Unreachable, Forbidden.
        """

    def keep(self, folder: Path | None, names: Sequence[str]) -> None:
        """Carry connections to these sockets inside, from now on; what was begun ends with the way."""
        if self._keeper is None:
            self._keeper = asyncio.create_task(self._keep(folder, names))
            self._keeper.add_done_callback(self._forget)

    async def close(self) -> None:
        """Carry nothing any more."""
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.gather(self._keeper, return_exceptions=True)

    async def _keep(self, folder: Path | None, names: Sequence[str]) -> None:
        async with carried(self._connect_own, folder, names, in_use=self.line.in_use):
            await self.line.connection.wait_closed()

    async def _connect_own(self) -> Streams:
        return await self.connect(is_own=True)

    def _forget(self, _: object) -> None:
        ways = lines().ways
        for key in [key for key, way in ways.items() if way is self]:
            del ways[key]


class ChannelWay(Way):
    """A channel for each conversation."""

    def __init__(self, line: Line, root: str) -> None:
        super().__init__(line)
        self._path = f"{root}/{inside.SOCKET}"

    async def connect(self, *, is_own: bool = False) -> Streams:
        with self.line.in_use():
            try:
                reader, writer = await self.line.connection.open_unix_connection(self._path)
            except asyncssh.ChannelOpenError as error:
                if not self.line.is_open:
                    raise Unreachable(LOST) from error
                # The server gives one answer for both: nobody listens, and it is not allowed.
                raise (SandboxGone if is_own else Forbidden) from error
            except (asyncssh.Error, OSError) as error:
                raise Unreachable(LOST) from error
        return ChannelReader(self.line, reader), ChannelWriter(self.line, writer, is_own=is_own)


class TrunkWay(Way):
    """All conversations over one command; it ends when nobody has used it for a while."""

    def __init__(self, line: Line, trunk: Trunk, ending: AsyncExitStack) -> None:
        super().__init__(line)
        self._trunk, self._ending = trunk, ending

    @property
    def is_open(self) -> bool:
        return self._trunk.is_open

    async def connect(self, *, is_own: bool = False) -> Streams:
        return await self._trunk.connect(is_own=is_own)

    async def close(self) -> None:
        await super().close()
        await self._ending.aclose()

    async def _keep(self, folder: Path | None, names: Sequence[str]) -> None:
        async with self._ending, carried(self._connect_own, folder, names, in_use=self._trunk.in_use):
            await self._trunk.cooled()


class SessionPipe:
    """The command of a trunk, as a session of the SSH connection."""

    def __init__(self, writer: asyncssh.SSHWriter[bytes], reader: asyncssh.SSHReader[bytes]) -> None:
        self._writer, self._reader = writer, reader

    async def output(self) -> AsyncIterator[bytes]:
        """Behind whatever the account's own start-up files may print."""
        said = b""
        while GREETING not in said:
            data = await self._reader.read(CHUNK)
            if not data or len(said) > MAX_ANSWER:
                return
            said += data
        said = said.partition(GREETING)[2]
        while said or (said := await self._reader.read(CHUNK)):
            yield said
            said = b""

    async def send(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    async def hang_up(self) -> None:
        self._writer.close()


async def way_to(account: SshAccount, root: str, make: Callable[[], Awaitable[Way]]) -> Way:
    """The way that is open already, or the one that `make` finds."""
    held, key = lines(), (account, root)
    async with held.lock(key):
        known = held.ways.get(key)
        if known is None or not known.is_open:
            known = held.ways[key] = await make()
        return known


async def leave(account: SshAccount, root: str) -> None:
    """There is nothing any more that the way leads to."""
    if (known := lines().ways.pop((account, root), None)) is not None:
        await known.close()


async def channel_way(account: SshAccount, root: str) -> ChannelWay | None:
    """None where the server is known to lead to no sockets. Raises: as `dial`."""
    line = await lines().main(account)
    return ChannelWay(line, root) if line.can_forward else None


async def trunk_way(account: SshAccount, base: str, folder: str) -> TrunkWay:
    """Raises: SandboxGone (nothing carries conversations there), Unreachable; as `dial`."""
    text = command(base, {"verb": "trunk", "folder": folder})
    async with AsyncExitStack() as stack:
        try:
            line, (writer, reader, _) = await stack.enter_async_context(lines().command(account, text))
        except (asyncssh.Error, OSError) as error:
            raise Unreachable(LOST) from error
        try:
            trunk = await Trunk.begun(SessionPipe(writer, reader))
        except TrunkBroken as error:
            raise (SandboxGone() if line.is_open else Unreachable(LOST)) from error
        except TimeoutError as error:
            raise Unreachable(LOST) from error
        stack.push_async_callback(trunk.close)
        return TrunkWay(line, trunk, stack.pop_all())

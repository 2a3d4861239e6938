"""The connections that this process holds: one for each account, shared by all sandboxes there, closed when idle."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, AsyncIterator
from weakref import WeakKeyDictionary

import asyncssh

from sandbox.errors import SandboxError
from sandbox.spec import SshAccount
from sandbox.ssh.dialing import dial

IDLE_S = 60.0
COMMANDS = 8  # at a time on one connection; a server takes ten unless it was told otherwise (MaxSessions)
FRESH_S = 0.5  # for so long a failure answers all who ask, instead of one attempt for each


class Line:
    """One connection, kept open for as long as somebody uses it, and a little longer."""

    def __init__(self, connection: asyncssh.SSHClientConnection) -> None:
        self.connection = connection
        self.can_forward = True
        self.gates: dict[str, tuple[int, asyncssh.SSHListener]] = {}  # by folder: the guest's pid, and what leads to us
        self.opening = asyncio.Lock()
        self.commands = 0
        self._users = 0
        self._timer: asyncio.TimerHandle | None = None
        self._rest()

    @property
    def is_open(self) -> bool:
        return not self.connection.is_closed()

    def hold(self) -> None:
        """Somebody uses it from now on."""
        self._users += 1
        if self._timer is not None:
            self._timer.cancel()

    def release(self) -> None:
        """That one does not need it any more."""
        self._users -= 1
        if self._users == 0:
            self._rest()

    def _rest(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(IDLE_S, self.connection.close)


class Lines:
    """All connections of one event loop."""

    def __init__(self) -> None:
        self._open: dict[SshAccount, list[Line]] = {}
        self._dialing: dict[SshAccount, asyncio.Lock] = {}
        self._failures: dict[SshAccount, tuple[float, SandboxError]] = {}
        self._keeper: AsyncGenerator[None, None] | None = None

    async def main(self, account: SshAccount) -> Line:
        """The connection for everything but commands. Raises: as `dial`."""
        async with self._lock(account):
            lines = self._living(account)
            return lines[0] if lines else await self._dial(account)

    @contextlib.asynccontextmanager
    async def for_command(self, account: SshAccount) -> AsyncIterator[Line]:
        """A connection on which one more command may run meanwhile. Raises: as `dial`."""
        async with self._lock(account):
            free = [line for line in self._living(account) if line.commands < COMMANDS]
            line = free[0] if free else await self._dial(account)
            line.commands += 1
            line.hold()
        try:
            yield line
        finally:
            line.commands -= 1
            line.release()

    async def close(self) -> None:
        """Hang up everywhere."""
        lines = [line for lines in self._open.values() for line in lines]
        self._open.clear()
        for line in lines:
            line.connection.abort()
        await asyncio.gather(*(line.connection.wait_closed() for line in lines), return_exceptions=True)

    def _lock(self, account: SshAccount) -> asyncio.Lock:
        return self._dialing.setdefault(account, asyncio.Lock())

    def _living(self, account: SshAccount) -> list[Line]:
        living = [line for line in self._open.get(account, []) if line.is_open]
        self._open[account] = living
        return living

    async def _dial(self, account: SshAccount) -> Line:
        failed_at, failure = self._failures.get(account, (0.0, None))
        if failure is not None and time.monotonic() - failed_at < FRESH_S:
            raise failure
        try:
            line = Line(await dial(account))
        except SandboxError as error:
            self._failures[account] = (time.monotonic(), error)
            raise
        self._failures.pop(account, None)
        self._open[account].append(line)
        await self._keep()
        return line

    async def _keep(self) -> None:
        """Hang up when the loop ends: a loop closes the generators that were begun in it."""
        if self._keeper is None:
            self._keeper = self._until_the_end()
            await anext(self._keeper)

    async def _until_the_end(self) -> AsyncGenerator[None, None]:
        try:
            yield
        finally:
            await self.close()


_LINES: WeakKeyDictionary[asyncio.AbstractEventLoop, Lines] = WeakKeyDictionary()


def lines() -> Lines:
    """Those of the running loop."""
    loop = asyncio.get_running_loop()
    if loop not in _LINES:
        _LINES[loop] = Lines()
    return _LINES[loop]

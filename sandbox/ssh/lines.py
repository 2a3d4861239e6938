"""The connections that this process holds: one for each account, shared by all sandboxes there, closed when idle."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator
from typing import TYPE_CHECKING, TypeVar
from weakref import WeakKeyDictionary, WeakValueDictionary

import asyncssh
from asyncssh.constants import OPEN_REQUEST_SESSION_FAILED

from sandbox.errors import BackendUnavailable, SandboxError
from sandbox.spec import SshAccount
from sandbox.ssh.dialing import dial

if TYPE_CHECKING:
    from sandbox.ssh.ways import Way

IDLE_S = 60.0
COMMANDS = 8  # at a time on one connection; a server takes ten unless it was told otherwise (MaxSessions)
PAUSE_S = 0.05
FRESH_S = 0.5  # for so long a failure answers all who ask, instead of one attempt for each

T = TypeVar("T")
Session = tuple["asyncssh.SSHWriter[bytes]", "asyncssh.SSHReader[bytes]", "asyncssh.SSHReader[bytes]"]


class Line:
    """One connection, kept open for as long as somebody uses it, and a little longer."""

    def __init__(self, connection: asyncssh.SSHClientConnection) -> None:
        self.connection = connection
        self.can_forward = True
        self.commands = 0
        self.room = COMMANDS
        self.has_run = False
        self._users = 0
        self._timer: asyncio.TimerHandle | None = None
        self._is_over = False
        self._rest()

    @property
    def is_open(self) -> bool:
        return not self._is_over and not self.connection.is_closed()

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

    @contextlib.contextmanager
    def in_use(self) -> Iterator[None]:
        """While the block runs, it is held."""
        self.hold()
        try:
            yield
        finally:
            self.release()

    def _rest(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(IDLE_S, self._hang_up)

    def _hang_up(self) -> None:
        # Saying goodbye takes its time; nobody may begin anything meanwhile.
        self._is_over = True
        self.connection.close()


class Lines:
    """All connections of one event loop."""

    def __init__(self) -> None:
        self.ways: dict[tuple[SshAccount, str], Way] = {}  # by folder there
        self._open: dict[SshAccount, list[Line]] = {}
        self._locks: WeakValueDictionary[object, asyncio.Lock] = WeakValueDictionary()
        self._failures: dict[SshAccount, SandboxError] = {}
        self._watching: set[asyncio.Task[None]] = set()
        self._keeper: AsyncGenerator[None, None] | None = None

    def lock(self, key: object) -> asyncio.Lock:
        """The lock of this name; it is forgotten when nobody holds it."""
        return self._locks.setdefault(key, asyncio.Lock())

    async def main(self, account: SshAccount) -> Line:
        """The connection for everything but commands. Raises: as `dial`."""
        async with self.lock(account):
            lines = self._living(account)
            return lines[0] if lines else await self._dial(account)

    @contextlib.asynccontextmanager
    async def _for_command(self, account: SshAccount) -> AsyncIterator[Line]:
        """A connection on which one more command may run meanwhile. Raises: as `dial`."""
        async with self.lock(account):
            free = [line for line in self._living(account) if line.commands < line.room]
            line = free[0] if free else await self._dial(account)
            line.commands += 1
        try:
            with line.in_use():
                yield line
        finally:
            line.commands -= 1

    @contextlib.asynccontextmanager
    async def command(self, account: SshAccount, text: str) -> AsyncIterator[tuple[Line, Session]]:
        """A command for as long as the block runs. Raises: as `dial`; BackendUnavailable, asyncssh.Error."""
        async with self._begun(account, lambda to: to.open_session(text, encoding=None)) as (line, session):
            try:
                yield line, session
            finally:
                session[0].close()

    @contextlib.asynccontextmanager
    async def sftp(self, account: SshAccount) -> AsyncIterator[asyncssh.SFTPClient]:
        """A client of the machine's files. Raises: as `command`."""
        async with self._begun(account, _sftp) as (_, client):
            try:
                yield client
            finally:
                client.exit()

    @contextlib.asynccontextmanager
    async def _begun(
        self, account: SshAccount, begin: Callable[[asyncssh.SSHClientConnection], Awaitable[T]]
    ) -> AsyncIterator[tuple[Line, T]]:
        while True:
            async with self._for_command(account) as line:
                if (begun := await _try(account, line, begin)) is not None:
                    yield line, begun
                    return

    async def close(self) -> None:
        """Hang up everywhere."""
        lines = [line for lines in self._open.values() for line in lines]
        for line in lines:
            line.connection.abort()
        await asyncio.gather(*(line.connection.wait_closed() for line in lines), return_exceptions=True)

    def _living(self, account: SshAccount) -> list[Line]:
        return [line for line in self._open.get(account, []) if line.is_open]

    async def _dial(self, account: SshAccount) -> Line:
        if (failure := self._failures.get(account)) is not None:
            raise failure
        try:
            line = Line(await dial(account))
        except SandboxError as error:
            self._failures[account] = error
            asyncio.get_running_loop().call_later(FRESH_S, self._failures.pop, account, None)
            raise
        watching = asyncio.create_task(self._watch(account, line))
        self._watching.add(watching)
        watching.add_done_callback(self._watching.discard)
        self._open.setdefault(account, []).append(line)
        await self._keep()
        return line

    async def _watch(self, account: SshAccount, line: Line) -> None:
        """Forget a connection that has ended, and with the last one its account's secret."""
        await line.connection.wait_closed()
        self._open[account].remove(line)
        if not self._open[account]:
            del self._open[account]

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


async def _sftp(connection: asyncssh.SSHClientConnection) -> asyncssh.SFTPClient:
    return await connection.start_sftp_client()


async def _try(
    account: SshAccount, line: Line, begin: Callable[[asyncssh.SSHClientConnection], Awaitable[T]]
) -> T | None:
    """What begins a session; None when there is no room for one just now.

    Raises: BackendUnavailable (the server gives none at all), asyncssh.Error.
    """
    try:
        begun = await begin(line.connection)
    except asyncssh.ChannelOpenError as error:
        if not line.is_open or error.code == OPEN_REQUEST_SESSION_FAILED:
            raise
        if not line.has_run:
            hint = "Set MaxSessions to 2 or more in its sshd_config, and let the account run commands."
            message = f"The SSH server of {account.host} opens no session for {account.username}."
            raise BackendUnavailable(message, hint=hint) from error
        line.room = max(line.commands - 1, 1)
        await asyncio.sleep(PAUSE_S)  # one that we are done with may not have ended over there
        return None
    line.has_run = True
    return begun

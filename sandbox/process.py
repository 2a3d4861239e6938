"""A command and a terminal inside a sandbox, as the platform holds them while their conversation lasts."""

from __future__ import annotations

import signal as signals
from collections.abc import AsyncIterator
from typing import Literal

from sandbox import answers
from sandbox.answers import Exit
from sandbox.connection import DATA, DATA_ERR, END, INFO, Connection
from sandbox.errors import BadAnswer

StreamName = Literal["stdout", "stderr"]
NAMES: dict[bytes, StreamName] = {DATA: "stdout", DATA_ERR: "stderr"}


class Process:
    """A running command. Iterate it for `(stream, bytes)`; not iterating makes the command wait.

    Used as `async with`; leaving it ends the command's whole process group. Both streams come in one iteration, so that
    neither can fill up while the other is awaited.
    """

    def __init__(self, connection: Connection, pid: int) -> None:
        self.pid = pid
        self.exit: Exit | None = None
        self._connection = connection

    async def __aenter__(self) -> Process:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def __aiter__(self) -> AsyncIterator[tuple[StreamName, bytes]]:
        """The output as it comes, to its end; then `exit` is set. Raises: CommandTimeout, SandboxGone."""
        while self.exit is None:
            frame = await self._connection.read()
            if frame is None:
                self.exit = answers.exit_of(self._connection.ok)
            elif frame[0] not in NAMES:
                raise BadAnswer
            else:
                yield NAMES[frame[0]], frame[1]

    async def write(self, data: bytes) -> None:
        """Give the command input; waits while it does not take it. The output must be read meanwhile."""
        await self._connection.send_data(data)

    async def close_stdin(self) -> None:
        await self._connection.send(END)

    async def kill(self, signal: int = signals.SIGKILL) -> None:
        """Signal the command's process group; `wait` tells what came of it."""
        await self._connection.send_json(INFO, {"signal": int(signal)})

    async def wait(self) -> Exit:
        """Read and drop what it still prints, and say how it ended."""
        async for _ in self:
            pass
        assert self.exit is not None
        return self.exit

    async def aclose(self) -> None:
        """Leave the conversation; whatever still runs in it is killed."""
        await self._connection.close()


class Terminal:
    """One client of a terminal. Iterate it for what is shown, beginning with a replay; leaving only detaches."""

    def __init__(self, connection: Connection) -> None:
        self.exit: Exit | None = None
        self._connection = connection

    async def __aenter__(self) -> Terminal:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Bytes of the terminal until its program ends; then `exit` is set."""
        while self.exit is None:
            frame = await self._connection.read()
            if frame is None:
                self.exit = answers.exit_of(self._connection.ok)
            elif frame[0] != DATA:
                raise BadAnswer
            else:
                yield frame[1]

    async def write(self, data: bytes) -> None:
        await self._connection.send_data(data)

    async def resize(self, rows: int, cols: int) -> None:
        """Say how large this client's window is; the terminal takes the smallest of all clients."""
        await self._connection.send_json(INFO, {"rows": rows, "cols": cols})

    async def aclose(self) -> None:
        await self._connection.close()

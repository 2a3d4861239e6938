"""A channel of an SSH connection as the bytes of one conversation, with the errors that conversations know."""

from __future__ import annotations

import asyncio

import asyncssh

from sandbox.errors import Unreachable
from sandbox.ssh.lines import Line

LOST = "The connection to the machine was lost."


class ChannelReader:
    """What comes in. The end of the channel is the guest's, the end of the connection is the network's."""

    def __init__(self, line: Line, reader: asyncssh.SSHReader[bytes]) -> None:
        self._line, self._reader = line, reader

    async def readexactly(self, size: int) -> bytes:
        """Raises: asyncio.IncompleteReadError (the guest has ended it), Unreachable (the line broke)."""
        if size == 0:
            return b""
        try:
            return await self._reader.readexactly(size)
        except (asyncssh.Error, OSError) as error:
            raise Unreachable(LOST) from error
        except asyncio.IncompleteReadError as error:
            if not self._line.is_open:
                raise Unreachable(LOST) from error
            raise


class ChannelWriter:
    """What goes out; the line is held until it is closed, save by a conversation of our own."""

    def __init__(self, line: Line, writer: asyncssh.SSHWriter[bytes], *, is_own: bool = False) -> None:
        self._line, self._writer = line, writer
        self._is_over = is_own
        if not is_own:
            line.hold()

    def write(self, data: bytes) -> None:
        """Raises: Unreachable (the line broke), OSError (the guest has left)."""
        try:
            self._writer.write(data)
        except OSError as error:
            raise self._loss(error) from error

    async def drain(self) -> None:
        try:
            await self._writer.drain()
        except (asyncssh.Error, OSError) as error:
            raise self._loss(error) from error

    def _loss(self, error: Exception) -> Exception:
        return error if isinstance(error, OSError) and self._line.is_open else Unreachable(LOST)

    def close(self) -> None:
        self._writer.close()
        if not self._is_over:
            self._is_over = True
            self._line.release()

    async def wait_closed(self) -> None:
        """Not waited for: the machine says goodbye when it likes, or never."""

"""The gateway's socket, led to a sandbox on another machine by a reverse forward: each server holds a gate of its own.

The guest tries the newest first (`guest/relay.py`), and believes in a gate only when it was greeted there: so several
servers may hold the same sandbox, and one that dies is no loss.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from pathlib import Path

import asyncssh

from sandbox.errors import BackendUnavailable
from sandbox.ssh.lines import Line

GREETING = b"+"
CHUNK = 2**16
SOCKET = "api.sock"


async def ensure(line: Line, root: str, guest: int, gateway_dir: Path) -> None:
    """A gate for the sandbox in `root`, for as long as this connection lasts; a new guest (by its pid) has a new one.

    Raises: BackendUnavailable (the server forwards no sockets), asyncssh.Error (the line broke).
    """
    async with line.opening:
        known = line.gates.get(root)
        if known is not None and known[0] == guest:
            return
        forget(line, root)
        line.gates[root] = (guest, await _open(line, root, gateway_dir))


def forget(line: Line, root: str) -> None:
    """The sandbox is not there any more, or another guest is, which has swept away what it found."""
    if (known := line.gates.pop(root, None)) is not None:
        known[1].close()


async def _open(line: Line, root: str, gateway_dir: Path) -> asyncssh.SSHListener:
    async def serve(reader: asyncssh.SSHReader[bytes], writer: asyncssh.SSHWriter[bytes]) -> None:
        line.hold()
        try:
            # Whatever goes wrong here concerns one call of an agent, and not the connection.
            with contextlib.suppress(OSError, asyncssh.Error):
                await _lead(reader, writer, gateway_dir / SOCKET)
        finally:
            writer.close()
            line.release()

    path = f"{root}/gate/{secrets.token_hex(4)}.gate"
    try:
        return await line.connection.start_unix_server(lambda: serve, path)
    except asyncssh.ChannelListenError as error:
        hint = "Set AllowStreamLocalForwarding to yes (or remote) in its sshd_config."
        raise BackendUnavailable(
            f"The SSH server does not forward sockets, so the agent could not reach its model. {hint}", hint=hint
        ) from error


async def _lead(reader: asyncssh.SSHReader[bytes], writer: asyncssh.SSHWriter[bytes], gateway: Path) -> None:
    inner_reader, inner_writer = await asyncio.open_unix_connection(gateway)
    try:
        writer.write(GREETING)
        inward = asyncio.create_task(_copy(reader, inner_writer))
        try:
            await _copy(inner_reader, writer)
        finally:
            inward.cancel()
            await asyncio.gather(inward, return_exceptions=True)
    finally:
        inner_writer.close()


async def _copy(
    source: asyncssh.SSHReader[bytes] | asyncio.StreamReader, target: asyncssh.SSHWriter[bytes] | asyncio.StreamWriter
) -> None:
    while data := await source.read(CHUNK):
        target.write(data)
        await target.drain()
    if target.can_write_eof():
        target.write_eof()

"""The ways to the guest in a container: its socket, or a program inside where the socket is not for us."""

from __future__ import annotations

import asyncio
import os
import stat
from pathlib import Path

from sandbox import inside
from sandbox.connection import STREAM_LIMIT, Streams
from sandbox.docker import containers, talk
from sandbox.docker.engine import engine
from sandbox.errors import SandboxGone

# Sockets and folders that an agent can write: `call` must not start a second guest where it finds none.
CALL = ["python3", "-I", "-S", "-X", "utf8", inside.ARCHIVE, "call", "--only-connect", "--state", inside.SOCKETS]


async def by_socket(folder: Path) -> Streams:
    """To the guest's socket, in a folder that the agent can write: only a socket right in there is ever connected to.

    Raises: FileNotFoundError, ConnectionRefusedError (nobody listens), SandboxGone (it is something else).
    """
    folder_fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        place = os.open(inside.SOCKET, os.O_PATH | os.O_NOFOLLOW, dir_fd=folder_fd)
    finally:
        os.close(folder_fd)
    try:
        if not stat.S_ISSOCK(os.fstat(place).st_mode):
            raise SandboxGone("The sandbox's socket is none.")
        return await asyncio.open_unix_connection(f"/proc/self/fd/{place}", limit=STREAM_LIMIT)
    finally:
        os.close(place)


def has_socket(folder: Path) -> bool:
    """Whether anything lies where the guest's socket would, as gVisor only lets it with `--host-uds=all`."""
    return os.path.lexists(folder / inside.SOCKET)


async def by_exec(url: str | None, container: str, user: str) -> Streams:
    """A program inside carries the conversation. Raises: SandboxGone, and as `engine`."""
    async with engine(url, keep=True) as client:
        state = await containers.state_of(client, container)
        if state is None or not state["Running"]:
            raise SandboxGone
        return await talk.open_exec(client, container, CALL, user)

"""The gateway's socket where it cannot be mounted: leads to whichever server has a way for us, the newest one first.

Each server that is connected holds a listening socket of its own in the folder (`*.gate`), which leads to its gateway.
A server that died leaves its socket behind; one that cannot be reached any more may still seem to listen. So a way
counts only once the server has greeted us on it.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
import threading
import time
from typing import List, Optional

GREETING = b"+"
GREETING_TIMEOUT_S = 3.0
WAIT_S = 20.0  # for a server that comes back; the agent asks again by itself after that
PAUSE_S = 0.2
CHUNK = 64 * 1024
MAX_CLIENTS = 64


def start(folder: str, path: str) -> None:
    """Listen at `path` from now on, in threads of this process."""
    listener = _listen(path)
    threading.Thread(target=_accept, args=(listener, folder), daemon=True).start()


def _accept(listener: socket.socket, folder: str) -> None:
    room = threading.BoundedSemaphore(MAX_CLIENTS)
    while True:
        try:
            client, _ = listener.accept()
        except OSError:
            time.sleep(PAUSE_S)
            continue
        if not room.acquire(blocking=False):
            client.close()
            continue
        threading.Thread(target=_serve, args=(client, folder, room), daemon=True).start()


def _serve(client: socket.socket, folder: str, room: threading.BoundedSemaphore) -> None:
    try:
        with client:
            server = _find_server(folder)
            if server is not None:
                with server:
                    _bridge(client, server)
    except OSError:
        return
    finally:
        room.release()


def _find_server(folder: str) -> Optional[socket.socket]:
    deadline = time.monotonic() + WAIT_S
    while True:
        for path in _gates(folder):
            server = _greeted(path)
            if server is not None:
                return server
        if time.monotonic() > deadline:
            return None
        time.sleep(PAUSE_S)


def _gates(folder: str) -> List[str]:
    """The newest first: of a server that lost its connection and came back, only the last one still works."""
    found = []
    for name in os.listdir(folder):
        if name.endswith(".gate"):
            path = os.path.join(folder, name)
            with contextlib.suppress(OSError):
                found.append((os.lstat(path).st_ctime_ns, path))
    return [path for _, path in sorted(found, reverse=True)]


def _greeted(path: str) -> Optional[socket.socket]:
    server = socket.socket(socket.AF_UNIX)
    try:
        server.settimeout(GREETING_TIMEOUT_S)
        server.connect(path)
        if server.recv(1) == GREETING:
            server.settimeout(None)
            return server
    except ConnectionRefusedError:
        with contextlib.suppress(OSError):
            os.unlink(path)
    except OSError:
        pass
    server.close()
    return None


def _bridge(client: socket.socket, server: socket.socket) -> None:
    """Carry bytes both ways until both have ended, or either side has broken off."""
    ways = {client.fileno(): (client, server), server.fileno(): (server, client)}
    poll = select.poll()
    for fd in ways:
        poll.register(fd, select.POLLIN)
    while ways:
        for fd, _ in poll.poll():
            source, target = ways[fd]
            data = source.recv(CHUNK)
            if data:
                target.sendall(data)
                continue
            with contextlib.suppress(OSError):
                target.shutdown(socket.SHUT_WR)
            poll.unregister(fd)
            del ways[fd]


def _listen(path: str) -> socket.socket:
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)
    listener = socket.socket(socket.AF_UNIX)
    previous = os.umask(0o077)
    try:
        listener.bind(path)
    finally:
        os.umask(previous)
    listener.listen(MAX_CLIENTS)
    return listener

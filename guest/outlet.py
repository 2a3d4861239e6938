"""Sockets of the server where it cannot show its own: connections that are made here are carried out to them."""

from __future__ import annotations

import os
import select
import socket
import threading
from collections import deque
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Deque, Dict, Iterable, Iterator, Optional

from guest import wire
from guest.conversation import Call
from guest.errors import Fail

if TYPE_CHECKING:
    from guest.serve import Daemon

BACKLOG = 64
TAKE_TIMEOUT_S = 5.0  # a carrier that does not answer is a connection to a server that died
LOOK_S = 1.0


class Outlet:
    """The listening socket, and connections whose carrier turned out to be dead."""

    def __init__(self, folder: str, name: str) -> None:
        os.makedirs(folder, mode=0o700, exist_ok=True)
        self.listener = _listen(folder, name)
        self._left: Deque[socket.socket] = deque()

    def accept(self) -> Optional[socket.socket]:
        """The next connection, if nobody else was faster."""
        try:
            return self._left.popleft()
        except IndexError:
            pass
        try:
            sock = self.listener.accept()[0]
        except OSError:
            return None
        sock.setblocking(True)
        return sock

    def give_back(self, sock: socket.socket) -> None:
        self._left.appendleft(sock)


def prepare(daemon: "Daemon", names: Iterable[str]) -> None:
    """Make the sockets, before any agent looks for them."""
    daemon.shelf["outlets"] = {name: Outlet(daemon.places.gateway, name) for name in names}


def take(call: Call) -> Dict[str, Any]:
    """Wait for a connection to `name`, offer it by an INFO; once an INFO takes it, carry it until both have ended."""
    outlet: Optional[Outlet] = call.daemon.shelf.get("outlets", {}).get(call.text("name"))
    if outlet is None:
        raise Fail("bad_request", "No such socket is carried out of here.")
    with _uncounted(call.daemon):
        sock = _next(call, outlet)
        if not _is_taken(call):
            outlet.give_back(sock)
            raise ConnectionResetError("the carrier has left")
    with sock:
        _carry(call.wire, sock)
    return {}


@contextmanager
def _uncounted(daemon: "Daemon") -> Iterator[None]:
    """Whoever only waits here does not keep the sandbox alive."""
    with daemon.lock:
        daemon.bystanders += 1
    try:
        yield
    finally:
        with daemon.lock:
            daemon.bystanders -= 1


def _next(call: Call, outlet: Outlet) -> socket.socket:
    while True:
        sock = outlet.accept()
        if sock is not None:
            return sock
        poll = select.poll()
        poll.register(outlet.listener, select.POLLIN)
        poll.register(call.wire, select.POLLIN)
        ready = [fd for fd, _ in poll.poll(LOOK_S * 1000)]
        if call.wire.fileno() in ready and call.wire.is_closed():
            raise ConnectionResetError("the carrier has left")


def _is_taken(call: Call) -> bool:
    try:
        call.wire.send_json(wire.INFO, {})
        call.wire.sock.settimeout(TAKE_TIMEOUT_S)
        frame = call.wire.read()
        call.wire.sock.settimeout(None)
    except OSError:
        return False
    return frame is not None and frame[0] == wire.INFO


def _carry(connection: wire.Wire, sock: socket.socket) -> None:
    inward = threading.Thread(target=_carry_in, args=(connection, sock), daemon=True)
    inward.start()
    try:
        while True:
            try:
                data = sock.recv(wire.CHUNK)
            except OSError:
                break
            if not data:
                break
            connection.send(wire.DATA, data)
        connection.send(wire.END, b"")
    except OSError:
        _hang_up(sock)
    inward.join()


def _carry_in(connection: wire.Wire, sock: socket.socket) -> None:
    try:
        while True:
            frame = connection.read()
            if frame is None:
                return _hang_up(sock)
            if frame[0] == wire.END:
                return sock.shutdown(socket.SHUT_WR)
            sock.sendall(frame[1])
    except (OSError, wire.BrokenWire):
        _hang_up(sock)


def _hang_up(sock: socket.socket) -> None:
    try:
        sock.shutdown(socket.SHUT_RDWR)
    except OSError:
        return


def _listen(folder: str, name: str) -> socket.socket:
    folder_fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        if os.path.lexists(os.path.join(folder, name)):
            os.unlink(name, dir_fd=folder_fd)
        listener.bind("/proc/self/fd/%d/%s" % (folder_fd, name))
        listener.listen(BACKLOG)
        listener.setblocking(False)
        return listener
    finally:
        os.close(folder_fd)

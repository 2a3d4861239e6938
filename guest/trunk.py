"""`trunk`: many conversations over one stdin and stdout, where a program is the only way in and starting one is dear.

Frames either way: one byte kind, four bytes channel, four bytes length, payload. The platform opens channels; each is
a connection to the daemon's socket. Each side may have at most WINDOW bytes of a channel under way, until CREDIT says
that the other side has got rid of some: a conversation that is not read holds up no other.
"""

from __future__ import annotations

import os
import select
import socket
import struct
import sys
import time
from typing import Dict, List, Optional

OPEN = b"O"
DATA = b"D"
END = b"E"
CLOSE = b"X"
CREDIT = b"C"
PING = b"P"

HEADER = struct.Struct(">cII")
AMOUNT = struct.Struct(">I")
WINDOW = 512 * 1024
CHUNK = 128 * 1024
BACKLOG = 1024 * 1024  # bytes for the platform that may wait here
PATIENCE_S = 45.0  # the platform rings every few seconds: silence means that it has gone


class Channel:
    """One connection to the daemon."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.inward = bytearray()
        self.credit = WINDOW
        self.is_reading = True

    def interest(self, has_room: bool) -> int:
        wanted = select.POLLOUT if self.inward else 0
        if self.is_reading and self.credit and has_room:
            wanted |= select.POLLIN
        return wanted


class Trunk:
    """Carries frames until the platform has gone."""

    def __init__(self, source: int, target: int, path: str) -> None:
        self._source = source
        self._target = target
        self._path = path
        self._received = bytearray()
        self._outward = bytearray()
        self._channels: Dict[int, Channel] = {}
        self._last_word = time.monotonic()

    def run(self) -> None:
        """Serve until stdin ends, or nothing has come for too long."""
        os.set_blocking(self._target, False)
        self._send(PING, 0)
        while time.monotonic() - self._last_word < PATIENCE_S:
            if not self._turn():
                return

    def _turn(self) -> bool:
        ready = self._wait()
        if self._source in ready and not self._read():
            return False
        if self._target in ready and not self._write():
            return False
        for number, channel in list(self._channels.items()):
            if channel.sock.fileno() in ready:
                self._exchange(number, channel)
        return True

    def _wait(self) -> Dict[int, int]:
        poll = select.poll()
        poll.register(self._source, select.POLLIN)
        if self._outward:
            poll.register(self._target, select.POLLOUT)
        has_room = len(self._outward) < BACKLOG
        for channel in self._channels.values():
            wanted = channel.interest(has_room)
            if wanted:
                poll.register(channel.sock.fileno(), wanted)
        return dict(poll.poll(PATIENCE_S * 250))

    def _read(self) -> bool:
        data = os.read(self._source, CHUNK)
        if not data:
            return False
        self._last_word = time.monotonic()
        self._received += data
        while len(self._received) >= HEADER.size:
            kind, number, length = HEADER.unpack_from(self._received)
            end = HEADER.size + length
            if length > WINDOW:
                return False
            if len(self._received) < end:
                break
            payload = bytes(self._received[HEADER.size : end])
            del self._received[:end]
            self._take(kind, number, payload)
        return True

    def _write(self) -> bool:
        try:
            del self._outward[: os.write(self._target, self._outward)]
        except BlockingIOError:
            return True
        except BrokenPipeError:
            return False
        return True

    def _take(self, kind: bytes, number: int, payload: bytes) -> None:
        channel = self._channels.get(number)
        if kind == OPEN:
            self._open(number)
        elif kind == PING:
            self._send(PING, 0)
        elif channel is None:
            return  # It was closed here meanwhile.
        elif kind == DATA:
            channel.inward += payload
        elif kind == CREDIT:
            channel.credit += AMOUNT.unpack(payload)[0]
        elif kind == CLOSE:
            self._drop(number)

    def _open(self, number: int) -> None:
        sock = connect(self._path)
        if sock is None:
            self._send(CLOSE, number)
            return
        sock.setblocking(False)
        self._channels[number] = Channel(sock)

    def _exchange(self, number: int, channel: Channel) -> None:
        try:
            if channel.inward:
                sent = channel.sock.send(channel.inward)
                del channel.inward[:sent]
                self._send(CREDIT, number, AMOUNT.pack(sent))
        except BlockingIOError:
            pass
        except OSError:
            channel.inward.clear()  # The daemon takes nothing more; what it still says counts.
        if not channel.is_reading or not channel.credit:
            return
        try:
            data = channel.sock.recv(min(CHUNK, channel.credit))
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if data:
            channel.credit -= len(data)
            self._send(DATA, number, data)
        else:
            channel.is_reading = False
            self._send(END, number)

    def _drop(self, number: int) -> None:
        self._channels.pop(number).sock.close()

    def _send(self, kind: bytes, number: int, payload: bytes = b"") -> None:
        self._outward += HEADER.pack(kind, number, len(payload)) + payload


def connect(path: str) -> Optional[socket.socket]:
    """A connection to the daemon, by a way that is short however long the path is; None when nobody listens."""
    folder, name = os.path.split(path)
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        folder_fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            sock.connect("/proc/self/fd/%d/%s" % (folder_fd, name))
        finally:
            os.close(folder_fd)
        return sock
    except OSError:
        sock.close()
        return None


def main(arguments: List[str]) -> int:
    """`trunk PATH`: the socket of the daemon."""
    Trunk(sys.stdin.fileno(), sys.stdout.fileno(), arguments[0]).run()
    return 0

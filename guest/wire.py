"""Frames over a stream socket: one byte kind, four bytes length (big-endian), payload.

A connection carries one call: a REQUEST, then data and INFO either way, then one FINAL from the guest.
"""

from __future__ import annotations

import json
import socket
import struct
from typing import Any, Dict, List, Optional, Tuple

REQUEST = b"R"
INFO = b"I"
DATA = b"O"
DATA_ERR = b"E"
END = b"Z"
FINAL = b"F"

HEADER = struct.Struct(">cI")
MAX_JSON = 2 * 1024 * 1024
MAX_DATA = 256 * 1024
CHUNK = 128 * 1024

Frame = Tuple[bytes, bytes]


class BrokenWire(Exception):
    """The other side does not speak the protocol."""


def pack(kind: bytes, payload: bytes) -> bytes:
    """One frame, ready to be sent."""
    return HEADER.pack(kind, len(payload)) + payload


def pack_json(kind: bytes, value: Dict[str, Any]) -> bytes:
    """One JSON frame; names that are not UTF-8 travel as escaped lone surrogates."""
    return pack(kind, json.dumps(value, separators=(",", ":")).encode("ascii"))


def parse_json(payload: bytes) -> Dict[str, Any]:
    """The object in a JSON frame."""
    try:
        value = json.loads(payload.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise BrokenWire("not JSON") from error
    if not isinstance(value, dict):
        raise BrokenWire("not a JSON object")
    return value


class Wire:
    """Blocking frames on a socket; `feed` and `parsed` let an event loop use the same parser."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self._buffer = bytearray()

    def fileno(self) -> int:
        return self.sock.fileno()

    def feed(self, data: bytes) -> List[Frame]:
        """Take bytes as they came, give the frames that are complete."""
        self._buffer += data
        frames: List[Frame] = []
        while True:
            frame = self._cut()
            if frame is None:
                return frames
            frames.append(frame)

    def parsed(self) -> List[Frame]:
        """The complete frames that came together with an earlier one."""
        return self.feed(b"")

    def read(self) -> Optional[Frame]:
        """The next frame, or None when the other side has left."""
        while True:
            frame = self._cut()
            if frame is not None:
                return frame
            data = self.sock.recv(CHUNK)
            if not data:
                return None
            self._buffer += data

    def send(self, kind: bytes, payload: bytes) -> None:
        self.sock.sendall(pack(kind, payload))

    def send_json(self, kind: bytes, value: Dict[str, Any]) -> None:
        self.sock.sendall(pack_json(kind, value))

    def is_closed(self) -> bool:
        """Whether the other side has left; what it still says after its request is kept for later."""
        try:
            data = self.sock.recv(CHUNK, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return False
        except OSError:
            return True
        self._buffer += data
        return not data or len(self._buffer) > 2 * MAX_JSON

    def _cut(self) -> Optional[Frame]:
        if len(self._buffer) < HEADER.size:
            return None
        kind, length = HEADER.unpack_from(self._buffer)
        limit = MAX_DATA if kind in (DATA, DATA_ERR) else MAX_JSON
        if length > limit:
            raise BrokenWire("frame of %d bytes" % length)
        end = HEADER.size + length
        if len(self._buffer) < end:
            return None
        payload = bytes(self._buffer[HEADER.size : end])
        del self._buffer[:end]
        return kind, payload

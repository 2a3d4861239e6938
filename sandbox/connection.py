"""One conversation with a guest: frames over a stream, everything that comes back capped and checked."""

from __future__ import annotations

import asyncio
import contextlib
import json
import struct
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from sandbox.errors import BadAnswer, GuestError, SandboxGone, Unreachable

REQUEST = b"R"
INFO = b"I"
DATA = b"O"
DATA_ERR = b"E"
END = b"Z"
FINAL = b"F"

HEADER = struct.Struct(">cI")
MAX_JSON = 2 * 2**20
MAX_DATA = 256 * 2**10
CHUNK = 128 * 2**10
STREAM_LIMIT = 256 * 2**10

CONNECT_TIMEOUT_S = 10.0
ANSWER_TIMEOUT_S = 30.0


class ByteReader(Protocol):
    """What a conversation needs of a stream that comes in; `asyncio.StreamReader` is one."""

    async def readexactly(self, n: int, /) -> bytes: ...


class ByteWriter(Protocol):
    """What a conversation needs of a stream that goes out; `asyncio.StreamWriter` is one."""

    def write(self, data: bytes, /) -> None: ...

    async def drain(self) -> None: ...

    def close(self) -> None: ...

    async def wait_closed(self) -> None: ...


Streams = tuple[ByteReader, ByteWriter]
Connect = Callable[[], Awaitable[Streams]]


class Connection:
    """An open conversation. `answer` ends it; so does leaving the `async with`."""

    def __init__(self, reader: ByteReader, writer: ByteWriter) -> None:
        self._reader = reader
        self._writer = writer
        self.ok: dict[str, Any] | None = None

    async def __aenter__(self) -> Connection:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Leave; a command that still runs in this conversation is ended by the guest."""
        self._writer.close()
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()

    async def send(self, kind: bytes, payload: bytes = b"") -> None:
        try:
            self._writer.write(HEADER.pack(kind, len(payload)) + payload)
            await self._writer.drain()
        except OSError as error:
            raise SandboxGone("The sandbox ended the conversation.") from error

    async def send_json(self, kind: bytes, value: dict[str, Any]) -> None:
        payload = json.dumps(value, separators=(",", ":")).encode("ascii")
        if len(payload) > MAX_JSON:
            raise GuestError.of("too_large", "The request is too large for the sandbox.")
        await self.send(kind, payload)

    async def send_data(self, data: bytes) -> None:
        """Send any amount as data; nothing for nothing."""
        view = memoryview(data)
        for start in range(0, len(data), CHUNK):
            await self.send(DATA, bytes(view[start : start + CHUNK]))

    async def read(self) -> tuple[bytes, bytes] | None:
        """The next frame; None after the FINAL, whose value is then in `ok`. Raises what the guest reports."""
        try:
            kind, length = HEADER.unpack(await self._reader.readexactly(HEADER.size))
            if length > (MAX_DATA if kind in (DATA, DATA_ERR) else MAX_JSON):
                raise BadAnswer("The sandbox sent a frame beyond every limit.")
            payload = await self._reader.readexactly(length)
        except (asyncio.IncompleteReadError, OSError) as error:
            raise SandboxGone("The sandbox ended in the middle of an answer.") from error
        if kind != FINAL:
            return kind, payload
        self.ok = _result(parse_json(payload))
        return None

    async def info(self) -> dict[str, Any]:
        """The INFO frame that a verb opens with."""
        frame = await self.read()
        if frame is None or frame[0] != INFO:
            raise BadAnswer
        return parse_json(frame[1])

    async def answer(self) -> dict[str, Any]:
        """The value of the FINAL; any data in front of it is not what was asked for."""
        if await self.read() is not None:
            raise BadAnswer
        assert self.ok is not None
        return self.ok


async def open_connection(connect: Connect, request: dict[str, Any]) -> Connection:
    """Begin a conversation. Raises: SandboxGone (nobody listens there), Unreachable."""
    try:
        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            connection = Connection(*await connect())
    except (FileNotFoundError, ConnectionRefusedError, NotADirectoryError) as error:
        raise SandboxGone from error
    except OSError as error:
        raise Unreachable(f"The sandbox cannot be reached: {error or 'there was no answer in time'}.") from error
    try:
        await connection.send_json(REQUEST, request)
    except BaseException:
        await connection.close()
        raise
    return connection


def parse_json(payload: bytes) -> dict[str, Any]:
    """The object in a frame from the guest."""
    try:
        value = json.loads(payload)
    except (ValueError, RecursionError) as error:
        raise BadAnswer from error
    if not isinstance(value, dict):
        raise BadAnswer
    return value


def _result(final: dict[str, Any]) -> dict[str, Any]:
    if isinstance(final.get("ok"), dict):
        ok: dict[str, Any] = final["ok"]
        return ok
    error = final.get("error")
    if not isinstance(error, dict) or not isinstance(error.get("code"), str):
        raise BadAnswer
    raise GuestError.of(error["code"][:64], str(error.get("message") or "")[:4096])

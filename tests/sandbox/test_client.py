"""A guest may lie: whatever it sends, the client answers with one clear error, in little memory and in time."""

from __future__ import annotations

import asyncio
import json
import struct
import time
from collections.abc import Awaitable, Callable

import pytest

from sandbox.client import GuestClient
from sandbox.connection import Streams
from sandbox.errors import BadAnswer, GuestError, GuestSilent, SandboxError, SandboxGone


def frame(kind: bytes, payload: bytes) -> bytes:
    return struct.pack(">cI", kind, len(payload)) + payload


def final(value: object) -> bytes:
    return frame(b"F", json.dumps(value).encode())


def liar(answer: bytes, *, is_open: bool = False) -> GuestClient:
    """A client whose guest says the same to everything, and then leaves or falls silent."""

    async def connect() -> Streams:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(answer)
            if is_open:
                await reader.read()
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        host, port = server.sockets[0].getsockname()
        streams = await asyncio.open_connection(host, port)
        server.close()
        return streams

    return GuestClient(connect)


LIES = {
    "nothing": b"",
    "half a header": b"F\0",
    "half a frame": struct.pack(">cI", b"F", 100) + b"{}",
    "a frame beyond every limit": struct.pack(">cI", b"F", 2**32 - 1),
    "data beyond every limit": struct.pack(">cI", b"O", 2**20) + b"x" * 2**20,
    "not JSON": frame(b"F", b"\xff\xfe"),
    "JSON too deep": frame(b"F", b"[" * 200_000),
    "no object": final([1]),
    "neither ok nor error": final({}),
    "an error without a code": final({"error": {"message": "x"}}),
    "an ok that is no object": final({"ok": 5}),
    "an empty ok": final({"ok": {}}),
    "an unknown kind": frame(b"?", b""),
    "data that was not asked for": frame(b"O", b"x") + final({"ok": {}}),
    "wrong types": final({"ok": {"exists": 1, "is_alive": "yes", "pid": -1, "head": "--exec", "is_dirty": 0}}),
    "an id that is an option": final(
        {"ok": {"commit": "--upload-pack=x", "head": "-x", "is_dirty": True, "notes": []}}
    ),
}


class TestGuestClient:
    @pytest.mark.parametrize("lie", LIES)
    async def test_turns_every_lie_into_an_error(self, lie: str) -> None:
        guest = liar(LIES[lie])
        calls: list[Callable[[], Awaitable[object]]] = [
            lambda: guest.hello(),
            lambda: guest.paths(),
            lambda: guest.agent_status("r"),
            lambda: guest.start_agent("r", ["x"]),
            lambda: guest.send_agent("r", "m", b"x\n"),
            lambda: guest.stat("x"),
            lambda: guest.git_status(),
            lambda: guest.snapshot(message="m", known=[]),
            lambda: guest.list_terminals(),
            lambda: guest.run(["x"]),
        ]

        for call in calls:
            with pytest.raises(SandboxError):
                await call()

    async def test_does_not_take_more_of_a_file_than_it_asked_for(self) -> None:
        guest = liar(frame(b"O", b"x" * 1000) * 10 + final({"ok": {}}))

        with pytest.raises(BadAnswer):
            await guest.read_file("x", limit_bytes=2000)

    async def test_does_not_wait_for_ever(self) -> None:
        started = time.monotonic()

        with pytest.raises(GuestSilent):
            await liar(b"", is_open=True).hello(timeout_s=0.2)

        assert time.monotonic() - started < 5

    async def test_keeps_the_words_of_an_error_short(self) -> None:
        guest = liar(final({"error": {"code": "x" * 1000, "message": "y" * 100_000}}))

        with pytest.raises(GuestError) as caught:
            await guest.hello()

        assert len(caught.value.given_code) <= 64
        assert len(caught.value.message) <= 4096

    async def test_says_that_nobody_is_there(self) -> None:
        async def connect() -> Streams:
            return await asyncio.open_unix_connection("/nowhere/guest.sock")

        with pytest.raises(SandboxGone):
            await GuestClient(connect).hello()

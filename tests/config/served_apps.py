"""A server process for the tests of `config.daphne` and `config.serving`, with applications that misbehave."""

from __future__ import annotations

import config.daphne  # isort: skip  # first: the reactor

import asyncio
import resource
import sys
import time
from pathlib import Path
from typing import Any

import django

CHUNK = b"x" * 65536
CHUNKS = 3000  # 188 MiB, which no buffer of the system holds

counters = {"chunks": 0, "frames": 0, "taken": 0, "disconnects": 0, "sent_away": 0, "slow": 0, "ended": 0}


async def web(scope: dict[str, Any], receive: Any, send: Any) -> None:
    if scope["type"] == "websocket":
        await _websocket(scope, receive, send)
        return
    path = scope["path"]
    if path == "/stats":
        text = " ".join(f"{name}={value}" for name, value in counters.items())
        await _answer(send, f"{text} maxrss={resource.getrusage(resource.RUSAGE_SELF).ru_maxrss}".encode())
    elif path == "/big":
        await _start(send)
        for _ in range(CHUNKS):
            await send({"type": "http.response.body", "body": CHUNK, "more_body": True})
            counters["chunks"] += 1
        await send({"type": "http.response.body", "body": b""})
    elif path == "/crash":
        raise RuntimeError("before the response")
    elif path == "/crash-midway":
        await _start(send)
        await send({"type": "http.response.body", "body": b"half", "more_body": True})
        raise RuntimeError("within the response")
    elif path == "/slow":  # until a file is there
        counters["slow"] += 1
        await asyncio.to_thread(_await_file, Path(scope["query_string"].decode()))
        await _answer(send, b"finished")
    elif path == "/stream":
        await _start(send)
        await send({"type": "http.response.body", "body": b": hello\n\n", "more_body": True})
        await asyncio.Event().wait()
    else:
        await _answer(send, b"hello")


def _await_file(path: Path) -> None:
    while not path.exists():
        time.sleep(0.05)


async def _start(send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})


async def _answer(send: Any, body: bytes) -> None:
    await _start(send)
    await send({"type": "http.response.body", "body": body})


async def _websocket(scope: dict[str, Any], receive: Any, send: Any) -> None:
    await receive()
    await send({"type": "websocket.accept"})
    if scope["path"] == "/flood":  # we send without end
        await _flood(send)
    elif scope["path"] == "/impatient":
        await _flood_until_slow(send)
    elif scope["path"] == "/busy":
        await send({"type": "websocket.close", "code": 1013})
    elif scope["path"] == "/deaf":  # we never look at what comes
        await asyncio.sleep(3600)
    while True:
        message = await receive()
        if message["type"] == "websocket.disconnect":
            counters["disconnects"] += 1
            return
        counters["taken"] += 1
        await send({"type": "websocket.send", "text": message.get("text") or "binary"})


async def _flood(send: Any) -> None:
    try:
        while True:
            await send({"type": "websocket.send", "bytes": CHUNK})
            counters["frames"] += 1
    finally:
        counters["ended"] += 1


async def _flood_until_slow(send: Any) -> None:
    """Send, and send away whoever does not take it."""
    try:
        while True:
            async with asyncio.timeout(0.5):
                await send({"type": "websocket.send", "bytes": CHUNK})
    except TimeoutError:
        await send({"type": "websocket.close", "code": 1013})
        counters["sent_away"] += 1


async def gateway(scope: dict[str, Any], receive: Any, send: Any) -> None:
    await _answer(send, b"gateway only")


if __name__ == "__main__":
    django.setup()  # the worker is imported along, and knows models
    from config import serving

    plan = serving.Plan(
        listen=sys.argv[1],
        web=web,
        gateway=gateway,
        gateway_socket=Path(sys.argv[2]),
        has_worker=False,
        announce=lambda where: print(where, flush=True),
    )
    serving.DRAIN_S = float(sys.argv[3])
    config.daphne.CLOSING_S = 120  # a test on a busy machine needs them to look
    try:
        sys.exit(serving.run(plan))
    except serving.CannotServe as error:
        sys.exit(f"error: {error}")

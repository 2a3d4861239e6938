"""A sandbox at Modal against the bare client, both on the tests' local Modal: what we add, not what Modal takes."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from unittest import mock

import modal

from bench.figures import Figure
from sandbox import Sandbox, open_sandbox
from sandbox.modal.lines import lines
from tests.fakes.modal import running
from tests.fakes.modal.specs import modal_spec

MIB = 2**20


@dataclass(frozen=True)
class Size:
    """How much is measured."""

    rounds: int = 10
    stream_mib: int = 100


async def measure(size: Size) -> list[Figure]:
    """Making a sandbox, a command's way there and back, and how fast output flows."""
    with running() as local, mock.patch.dict(os.environ, local.environment):
        token = (local.environment["MODAL_TOKEN_ID"], local.environment["MODAL_TOKEN_SECRET"])
        client = await modal.Client.from_credentials.aio(*token)
        app = await modal.App.lookup.aio("slipway", create_if_missing=True, client=client)
        try:
            return await _figures(size, app, client)
        finally:
            await lines.close()


async def _figures(size: Size, app: modal.App, client: modal.Client) -> list[Figure]:
    await _open_ours()  # the image is built from now on
    opened = await _compare(size.rounds, _open_ours, lambda: _open_bare(app, client))
    ours, bare = await open_sandbox(modal_spec()), await _bare(app, client)
    output = ["head", "-c", str(size.stream_mib * MIB), "/dev/zero"]
    command = await _compare(size.rounds, lambda: _run_ours(ours, ["true"]), lambda: _run_bare(bare, ["true"]))
    stream = await _compare(size.rounds, lambda: _run_ours(ours, output), lambda: _run_bare(bare, output))
    await ours.destroy()
    await bare.terminate.aio()
    speed = [size.stream_mib / seconds for seconds in stream]
    return [
        Figure("Modal: sandbox made, guest ready", opened[0] * 1000, "ms", "bare `Sandbox.create`", opened[1] * 1000),
        Figure("Modal: command and back", command[0] * 1000, "ms", "bare `exec`", command[1] * 1000),
        Figure("Modal: output", speed[0], "MiB/s", "bare `exec`", speed[1]),
    ]


async def _compare(
    rounds: int, ours: Callable[[], Awaitable[float]], bare: Callable[[], Awaitable[float]]
) -> tuple[float, float]:
    """Median seconds of both, turn by turn, so that a busy moment hits both."""
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(rounds):
        for way, found in zip((ours, bare), times, strict=True):
            found.append(await way())
    return statistics.median(times[0]), statistics.median(times[1])


async def _open_ours() -> float:
    began = time.monotonic()
    made = await open_sandbox(modal_spec())
    taken = time.monotonic() - began
    await made.destroy()
    return taken


async def _open_bare(app: modal.App, client: modal.Client) -> float:
    began = time.monotonic()
    made = await _bare(app, client)
    taken = time.monotonic() - began
    await made.terminate.aio()
    return taken


async def _bare(app: modal.App, client: modal.Client) -> modal.Sandbox:
    image = modal.Image.debian_slim(python_version="3.12")
    return await modal.Sandbox.create.aio("sleep", "600", app=app, client=client, image=image, block_network=True)


async def _run_ours(sandbox: Sandbox, argv: list[str]) -> float:
    began = time.monotonic()
    async with await sandbox.guest.exec(argv) as process:
        await process.wait()
    return time.monotonic() - began


async def _run_bare(sandbox: modal.Sandbox, argv: list[str]) -> float:
    began = time.monotonic()
    process = await sandbox.exec.aio(*argv, text=False)
    async for _ in process.stdout:
        pass
    await process.wait.aio()
    return time.monotonic() - began

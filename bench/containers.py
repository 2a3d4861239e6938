"""Docker sandboxes against the engine's own command line, and a neighbour of an agent that takes all it can get."""

from __future__ import annotations

import asyncio
import os
import shutil
import statistics
import subprocess
import tempfile
import time
import uuid
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.figures import Figure, percentile
from sandbox import Sandbox, open_sandbox
from sandbox.spec import DockerSpec, Runtime
from tests import engine
from tests.engine.plugin import begun, ended

STREAM_BYTES = 200 * 10**6
TAKING = """
import os, threading
def fork():
    while True:
        try:
            pid = os.fork()
            if pid == 0: os._exit(0)
            os.waitpid(pid, 0)
        except OSError: pass
def fill():
    while True:
        with open("/tmp/fill", "wb") as file:
            try:
                while True: file.write(bytes(2**20))
            except OSError: pass
threading.Thread(target=fork).start()
threading.Thread(target=fill).start()
kept = []
while len(kept) < 80: kept.append(os.urandom(2**20))
while True: sum(range(10000))
"""


@dataclass(frozen=True)
class Size:
    """How much is measured."""

    runtimes: Sequence[Runtime] = ("runc", "runsc")
    rounds: int = 10
    echoes: int = 40


async def measure(size: Size) -> list[Figure]:
    """Per runtime: start, round trip, stream; for runc what a neighbour feels, too."""
    folder = Path(tempfile.mkdtemp(prefix="slipway-bench-docker-"))
    is_own = engine.FOLDER not in os.environ  # else it is that of the tests
    if is_own:
        begun()
    try:
        place = await asyncio.to_thread(engine.ready)
        found = []
        for runtime in size.runtimes:
            found += await _of_runtime(_Place(folder, place, runtime), size)
        return [*found, await _neighbour(_Place(folder, place, "runc"), size)]
    finally:
        if is_own:
            await asyncio.to_thread(ended)
        shutil.rmtree(folder, ignore_errors=True)


@dataclass(frozen=True)
class _Place:
    folder: Path
    engine: engine.Engine
    runtime: Runtime

    def spec(self) -> DockerSpec:
        name = uuid.uuid4().hex
        return DockerSpec(
            name, self.folder / name, (), None, 600, self.engine.image, engine=self.engine.url, runtime=self.runtime
        )

    def docker(self, *arguments: str) -> str:
        """The engine's own command line."""
        command = ["docker", "--host", self.engine.url, *arguments]
        return subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True).stdout.strip()

    def run(self) -> str:
        options = ["--detach", "--network", "none", "--runtime", self.runtime, "--init"]
        return self.docker("run", *options, self.engine.image, "sleep", "3600")


async def _of_runtime(place: _Place, size: Size) -> list[Figure]:
    starts = await _medians({"ours": lambda: _open(place), "bare": lambda: _run(place)}, size.rounds)
    made, bare = await open_sandbox(place.spec()), await asyncio.to_thread(place.run)
    try:
        trips = await _medians(
            {
                "ours": lambda: _timed(made.guest.run(["true"])),
                "bare": lambda: _timed(asyncio.to_thread(place.docker, "exec", bare, "true")),
            },
            size.rounds,
        )
        streams = await _medians({"ours": lambda: _stream(made), "bare": lambda: _bare_stream(place, bare)}, 3)
    finally:
        await made.destroy()
        await asyncio.to_thread(place.docker, "rm", "--force", bare)
    name = f"docker-{place.runtime}"
    rates = {way: STREAM_BYTES / 1e6 / seconds for way, seconds in streams.items()}
    return [
        Figure(
            f"{name}: create, start, guest ready", starts["ours"] * 1000, "ms", "`docker run`", starts["bare"] * 1000
        ),
        Figure(f"{name}: a command and its answer", trips["ours"] * 1000, "ms", "`docker exec`", trips["bare"] * 1000),
        Figure(f"{name}: output of a command", rates["ours"], "MB/s", "`docker exec`", rates["bare"]),
    ]


async def _neighbour(place: _Place, size: Size) -> Figure:
    """What a command takes beside a sandbox that forks, fills its disk and its memory, and computes."""
    neighbour, taker = await open_sandbox(place.spec()), await open_sandbox(place.spec())
    try:
        alone = [await _timed(neighbour.guest.run(["true"])) for _ in range(size.echoes)]
        async with await taker.guest.exec(["python3", "-c", TAKING]):
            await asyncio.sleep(1)
            beside = [await _timed(neighbour.guest.run(["true"])) for _ in range(size.echoes)]
    finally:
        await neighbour.destroy()
        await taker.destroy()
    name = "a command beside a sandbox that takes all it can, 95th percentile"
    return Figure(name, percentile(beside, 0.95) * 1000, "ms", "alone", percentile(alone, 0.95) * 1000)


async def _medians(ways: dict[str, Callable[[], Awaitable[float]]], rounds: int) -> dict[str, float]:
    """Seconds; turn by turn, so that a busy moment hits all of them."""
    times: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            times[name].append(await way())
    return {name: statistics.median(values) for name, values in times.items()}


async def _timed(act: Awaitable[object]) -> float:
    began = time.perf_counter()
    await act
    return time.perf_counter() - began


async def _open(place: _Place) -> float:
    began = time.perf_counter()
    made = await open_sandbox(place.spec())
    taken = time.perf_counter() - began
    await made.destroy()
    return taken


async def _run(place: _Place) -> float:
    began = time.perf_counter()
    container = await asyncio.to_thread(place.run)
    taken = time.perf_counter() - began
    await asyncio.to_thread(place.docker, "rm", "--force", container)
    return taken


async def _stream(made: Sandbox) -> float:
    began, size = time.perf_counter(), 0
    async with await made.guest.exec(["head", "-c", str(STREAM_BYTES), "/dev/zero"]) as process:
        async for _, data in process:
            size += len(data)
    assert size == STREAM_BYTES
    return time.perf_counter() - began


async def _bare_stream(place: _Place, container: str) -> float:
    command = ["docker", "--host", place.engine.url, "exec", container, "head", "-c", str(STREAM_BYTES), "/dev/zero"]
    began = time.perf_counter()
    process = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE)
    assert process.stdout is not None
    size = 0
    while data := await process.stdout.read(2**18):
        size += len(data)
    assert (await process.wait(), size) == (0, STREAM_BYTES), os.fspath(place.folder)
    return time.perf_counter() - began

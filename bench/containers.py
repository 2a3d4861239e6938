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
# What a sandbox takes all of that it can get, and the program that does.
HOGS = {
    "forks": """
import os
while True:
    try:
        if os.fork() == 0: continue  # a bomb: children fork, too, up to the limit of processes
    except OSError: pass
""",
    "fills its memory": """
import os
while True:
    if os.fork() == 0:
        kept = []
        while True: kept.append(b"x" * 2**20)  # until it is killed
    os.wait()
""",
    "fills its disk": """
while True:
    with open("/workspace/fill", "wb") as file:
        for _ in range(1024): file.write(bytes(2**20))
""",
}


@dataclass(frozen=True)
class Size:
    """How much is measured."""

    runtimes: Sequence[Runtime] = ("runc", "runsc")
    rounds: int = 10
    echoes: int = 100
    turns: int = 5


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
        return [*found, *[await _neighbour(_Place(folder, place, "runc"), size, hog) for hog in HOGS]]
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


async def _neighbour(place: _Place, size: Size, hog: str) -> Figure:
    """What a command takes beside a sandbox that takes all it can, and alone, turn by turn: of each the median turn."""
    neighbour = await open_sandbox(place.spec())
    alone, beside = [], []
    try:
        for _ in range(size.turns):
            alone.append(await _slow(neighbour, size.echoes))
            beside.append(await _beside(place, neighbour, size, hog))
    finally:
        await neighbour.destroy()
    value, baseline = statistics.median(beside) * 1000, statistics.median(alone) * 1000
    return Figure(f"a command beside a sandbox that {hog}, 95th percentile", value, "ms", "alone", baseline)


async def _beside(place: _Place, neighbour: Sandbox, size: Size, hog: str) -> float:
    """Each turn has a greedy sandbox of its own: one that is full of processes takes no other command."""
    taker = await open_sandbox(place.spec())
    try:
        async with await taker.guest.exec(["python3", "-c", HOGS[hog]]):
            await asyncio.sleep(1)
            return await _slow(neighbour, size.echoes)
    finally:
        await taker.destroy()


async def _slow(made: Sandbox, echoes: int) -> float:
    return percentile([await _timed(made.guest.run(["true"])) for _ in range(echoes)], 0.95)


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

"""An agent that takes all it can get harms nobody but itself: its neighbour answers, and it can still be ended."""

from __future__ import annotations

import asyncio
import os
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Literal

import pytest

from sandbox import Phase, Sandbox
from sandbox.docker import quota
from sandbox.docker.engine import engine
from sandbox.errors import SandboxError
from tests.sandbox.backends import DockerMaker
from tests.sandbox.docker.test_ends import HOG

PIDS = 200  # gVisor's own threads count, too
TMP_MB = 16
DISK_MB = 64
FILL_DISK = "n=0; while :; do n=$((n + 1)); head -c 10000000 /dev/zero > /workspace/fill-$n; sleep 0.05; done"
FORKS = """
import os, time
made = 0
try:
    while made < 1000:
        if os.fork() == 0:
            time.sleep(3)
            os._exit(0)
        made += 1
except OSError as error:
    print(made, error.strerror)
"""
# Each place, and whether more than its size went in.
FILL = f"""
for place in /tmp /dev/shm; do
    head -c 600000000 /dev/zero > $place/fill 2>/dev/null; wc -c < $place/fill; rm $place/fill
done
head -c 1000 /dev/zero 2>/dev/null > /usr/fill || echo refused
df -m /tmp | tail -n 1 | grep -c ' {TMP_MB} '
"""


async def sh(made: Sandbox, script: str) -> str:
    return (await made.guest.run(["sh", "-c", script])).stdout.decode()


class TestContainment:
    async def test_bounds_processes(self, either: DockerMaker) -> None:
        made, neighbour = await either.open(pids=PIDS), await either.open()
        bomb = asyncio.create_task(made.guest.run(["python3", "-c", FORKS]))
        await asyncio.sleep(0.5)

        assert await sh(neighbour, "echo here") == "here\n"
        with suppress(SandboxError):  # gVisor ends when the kernel gives it no thread
            said = (await bomb).stdout.decode().split(maxsplit=1)
            assert int(said[0]) < PIDS
            assert said[1] == "Resource temporarily unavailable\n"
        await made.stop(grace_s=0.1)
        assert await either.living(made._spec.machine_id) == 0  # type: ignore[attr-defined]

    async def test_leaves_each_processor_to_somebody(self, either: DockerMaker) -> None:
        known = os.sched_getaffinity(0)
        made = [await either.open(deployment="processors") for _ in known]

        async with engine(either.engine.url) as client:
            for one in made:
                told = await client.containers.get(one.handle["id"])
                chosen = {int(number) for number in told["HostConfig"]["CpusetCpus"].split(",")}
                assert len(known - chosen) == 1
                assert os.sched_getaffinity(told["State"]["Pid"]) == chosen

    async def test_bounds_memory_and_kills_the_hog_alone(self, docker: DockerMaker) -> None:
        made, neighbour = await docker.open(memory_bytes=128 * 2**20), await docker.open()

        hog = await made.guest.run(["python3", "-c", HOG])

        assert hog.exit_code == -9
        assert await sh(made, "echo here") == "here\n"
        assert await sh(neighbour, "echo here") == "here\n"

    async def test_bounds_temporary_files_shared_memory_and_the_log(self, either: DockerMaker) -> None:
        made = await either.open(tmp_bytes=TMP_MB * 2**20, memory_bytes=512 * 2**20)

        in_tmp, in_shm, refused, is_sized = (await sh(made, FILL)).split()
        await sh(made, "head -c 5000000 /dev/zero | tr '\\0' x | fold -w 1000 > /proc/1/fd/1")

        assert int(in_tmp) <= TMP_MB * 2**20
        assert int(in_shm) <= 256 * 2**20
        assert (refused, is_sized) == ("refused", "1")
        async with engine(either.engine.url) as client:
            log = Path((await client.containers.get(made.handle["id"]))["LogPath"])
        assert sum(path.stat().st_size for path in log.parent.glob(f"{log.name}*")) < 3 * 2**20

    @pytest.mark.parametrize("storage", ["folder", "volume"])
    async def test_ends_who_fills_the_disk_while_the_neighbour_goes_on(
        self, docker: DockerMaker, storage: Literal["folder", "volume"], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(quota, "COUNT_VOLUMES_S", 0.0)
        spec = docker.spec(disk_bytes=DISK_MB * 2**20, storage=storage)
        made, neighbour = await docker.open_spec(spec), await docker.open()
        assert not await made.contain()
        await made.guest.write_file("/workspace/mine", b"work")

        async with await made.guest.exec(["sh", "-c", FILL_DISK]):
            for _ in range(100):
                assert await sh(neighbour, "echo here") == "here\n"
                if await made.contain():
                    break
                await asyncio.sleep(0.1)

        assert await made.poll() is Phase.STOPPED
        assert (
            await made.cause()
            == f"The sandbox's files outgrew the {DISK_MB} MB that they may take, and it was stopped."
        )
        assert await sh(neighbour, "echo here") == "here\n"
        # The files are there, and who tidies up can go on; who goes on filling cannot.
        again = await docker.open_spec(replace(spec, machine_id=f"{spec.machine_id}-next"))
        assert await again.guest.read_file("/workspace/mine") == b"work"
        assert not await again.contain()
        await sh(again, "for n in 1 2 3; do head -c 20000000 /dev/zero > /home/agent/more-$n; done")
        assert await again.contain()
        assert "outgrew" in await again.cause()

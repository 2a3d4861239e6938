"""However a container ends, its phase is true and its reason is told."""

from __future__ import annotations

import asyncio
import shutil

import pytest

from sandbox import Phase, Sandbox
from sandbox.docker.engine import engine
from sandbox.errors import SandboxError
from tests.sandbox.backends import DockerMaker
from tests.sandbox.waiting import until

HOG = "x = []\nwhile True: x.append(bytes(2**20).replace(b'\\0', b'x'))"


async def has_ended(made: Sandbox) -> bool:
    return await made.poll() is Phase.STOPPED


async def ended(made: Sandbox) -> str:
    """Why, once it has."""
    await until(lambda: has_ended(made))
    return await made.cause()


class TestCause:
    async def test_tells_of_a_guest_that_was_killed(self, docker: DockerMaker) -> None:
        made = await docker.open()
        await docker.signal_guest(made, 9)

        assert await ended(made) == "The sandbox was killed."

    async def test_tells_of_too_little_memory(self, gvisor: DockerMaker) -> None:
        # In gVisor all of a sandbox is one process to the kernel; in runc only the hog is killed (`test_containment`).
        made = await gvisor.open(memory_bytes=128 * 2**20)

        with pytest.raises(SandboxError):
            await made.guest.run(["python3", "-c", HOG])

        assert await ended(made) == "The sandbox ran out of memory (128 MB) and was stopped."

    async def test_tells_of_a_stop_and_of_a_container_that_was_removed(self, docker: DockerMaker) -> None:
        made = await docker.open()
        await made.stop()
        assert await made.cause() == "The sandbox was stopped."

        async with engine(docker.engine.url) as client:
            await client.containers.container(made.handle["id"]).delete(force=True)

        assert await made.poll() is Phase.STOPPED
        assert await made.cause() == "The container was removed."

    async def test_tells_of_a_lifetime_that_is_over(self, docker: DockerMaker) -> None:
        made = await docker.open(lifetime_s=1)

        async def is_over() -> bool:
            return await made.glance() is Phase.STOPPED

        await until(is_over)

        assert await made.cause() == "The sandbox had not been used for long and was put away."

    async def test_tells_of_a_folder_that_was_removed(self, docker: DockerMaker) -> None:
        spec = docker.spec()
        made = await docker.open_spec(spec)
        await asyncio.to_thread(shutil.rmtree, spec.root)

        await made.stop()

        assert await made.poll() is Phase.GONE
        assert await made.cause() == "The sandbox's folder was removed."

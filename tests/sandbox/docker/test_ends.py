"""However a container ends, its phase is true and its reason is told; and an engine that dies takes nobody along."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from asgiref.sync import async_to_sync

from sandbox import Phase, Sandbox
from sandbox.backends.docker import backend
from sandbox.docker.engine import engine
from sandbox.errors import SandboxError
from tests.engine import IMAGE, Engine, image
from tests.engine.daemon import Daemon
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

        assert await ended(made) == "The sandbox used more than its 128 MB of memory and was killed."

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


class OwnEngine(DockerMaker):
    """Containers on an engine that the test may kill."""

    def __init__(self, daemon: Daemon, restores: bool) -> None:
        super().__init__()
        self.daemon = daemon
        self.engine = Engine(daemon.folder)
        self.restores = restores


@pytest.fixture(params=[True, False], ids=["live-restore", "without"])
def own(request: pytest.FixtureRequest) -> Iterator[OwnEngine]:
    folder = Path(tempfile.mkdtemp(prefix="slipway-engine-own-"))
    daemon = Daemon(folder, **{"live-restore": request.param})
    try:
        daemon.start()
        daemon.import_image(image.archive(), IMAGE)
        maker = OwnEngine(daemon, request.param)
        yield maker
        async_to_sync(maker.close)()
    finally:
        daemon.remove()


class TestEngineKilled:
    async def test_goes_on_or_ends_in_a_true_state(self, own: OwnEngine) -> None:
        spec = own.spec()
        made = await own.open_spec(spec)
        await made.guest.start_agent("run", ["sh", "-c", "echo up; cat"])
        await asyncio.to_thread(own.daemon.kill)

        assert await made.glance() is Phase.UNREACHABLE
        assert (await made.guest.agent_status("run")).is_alive  # the guest needs no engine to be spoken to
        with pytest.raises(SandboxError):
            await backend.running(spec)
        await asyncio.to_thread(own.daemon.start)

        if own.restores:
            assert await made.poll() is Phase.RUNNING
            assert (await made.guest.agent_status("run")).is_alive
            assert list(await backend.running(spec)) == [spec.machine_id]
        else:
            assert await made.poll() is Phase.STOPPED
            assert "engine stopped the sandbox" in await made.cause()
            assert await backend.running(spec) == {}
        again = await own.open_spec(spec)
        assert (await again.guest.agent_status("run")).is_alive is own.restores
        await again.destroy()
        assert await own.living(spec.machine_id) == 0

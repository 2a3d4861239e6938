"""What cannot be a container is refused in one sentence, and nothing of it is left: no container, no folder."""

from __future__ import annotations

import asyncio
import gc
import os
import socket
from dataclasses import replace
from typing import Any, cast

import pytest

import sandbox
from sandbox import DockerSpec, Phase
from sandbox.docker import containers
from sandbox.docker.engine import engine
from sandbox.errors import BackendUnavailable, SandboxError, SandboxGone, SandboxRefused
from tests.sandbox.backends import DockerMaker


async def all_containers(spec: DockerSpec) -> list[str]:
    async with engine(spec.engine) as client:
        return [found.id for found in await containers.labelled(client, {}, only_running=False)]


async def refusal(docker: DockerMaker, **fields: Any) -> SandboxError:
    """The error of a spec that cannot be; nothing is left of it."""
    spec = docker.spec(**fields)
    with pytest.raises(SandboxError) as caught:
        await docker.open_spec(spec)

    assert not spec.root.exists()
    reachable = replace(spec, engine=docker.engine.url)
    assert spec.machine_id not in str(await all_containers(reachable))
    async with engine(docker.engine.url) as client:
        assert await containers.labelled(client, {"slipway.root": str(spec.root)}, only_running=False) == []
    return caught.value


class TestBadInput:
    @pytest.mark.parametrize(
        "image", ["no-such-image:1", "--privileged", "a b", "x:y\n", "", "../../etc", "sha256:" + "0" * 64, "host/ünï"]
    )
    async def test_says_that_there_is_no_such_image(self, docker: DockerMaker, image: str) -> None:
        error = await refusal(docker, image=image)

        assert isinstance(error, SandboxRefused)
        assert str(error).startswith("Docker says no: ")
        assert "\n" not in str(error).strip()

    async def test_says_that_there_is_no_such_network(self, docker: DockerMaker) -> None:
        assert "nowhere" in str(await refusal(docker, network="nowhere"))

    @pytest.mark.parametrize("network", ["host", "default", "container:x", ""])
    async def test_refuses_networks_of_others(self, docker: DockerMaker, network: str) -> None:
        assert "never shares the network" in str(await refusal(docker, network=network))

    async def test_says_that_there_is_no_such_runtime(self, docker: DockerMaker) -> None:
        assert "kata" in str(await refusal(docker, runtime=cast(Any, "kata")))

    @pytest.mark.parametrize("url", ["unix:///nowhere/docker.sock", "tcp://127.0.0.1:9", "ftp://x"])
    async def test_says_that_no_engine_answers(self, docker: DockerMaker, url: str) -> None:
        error = await refusal(docker, engine=url)

        assert isinstance(error, BackendUnavailable)
        assert "Docker engine" in error.hint

    async def test_says_what_the_image_lacks(self, docker: DockerMaker) -> None:
        async with engine(docker.engine.url) as client:
            plain = await client.containers.create({"Image": docker.engine.image, "Cmd": ["true"]})
            try:
                await plain.commit(
                    repository="without-python", tag="1", changes="ENV PATH=/nowhere\nVOLUME /data", pause=False
                )
            finally:
                await plain.delete(force=True)

        try:
            assert "volumes of the image" in str(await refusal(docker, image="without-python:1"))
        finally:
            async with engine(docker.engine.url) as client:
                await client.images.delete("without-python:1", force=True)

    async def test_refuses_names_and_places_that_are_none(self, docker: DockerMaker) -> None:
        for name in ("", "-x", "a b", "a\nb", "x" * 200, "../x"):
            with pytest.raises(SandboxRefused):
                await docker.open_spec(replace(docker.spec(), machine_id=name))
        (docker.folder / "link").symlink_to(docker.folder)
        with pytest.raises(SandboxRefused):
            await docker.open_spec(replace(docker.spec(), root=docker.folder / "link" / "x"))

        assert sorted(path.name for path in docker.folder.iterdir()) == ["link"]

    async def test_leaves_files_alone_that_were_there_before(self, docker: DockerMaker) -> None:
        spec = docker.spec()
        made = await docker.open_spec(spec)
        await made.guest.write_file("kept", b"x")
        await made.stop()

        with pytest.raises(SandboxRefused):
            await docker.open_spec(replace(spec, image="no-such-image:1"))

        again = await docker.open_spec(spec)
        assert await again.guest.read_file("kept") == b"x"


class TestReach:
    async def test_connects_to_no_socket_but_its_own(self, docker: DockerMaker) -> None:
        spec = docker.spec()
        made = await docker.open_spec(spec)
        folder = spec.root / "socket"
        with socket.socket(socket.AF_UNIX) as other:
            other.bind(str(docker.folder / "other.sock"))
            other.listen()
            other.setblocking(False)
            for trap in (docker.folder / "other.sock", "/dev/null", "/etc/passwd"):
                (folder / "guest.sock").unlink(missing_ok=True)
                os.symlink(trap, folder / "guest.sock")

                with pytest.raises(SandboxError):
                    await made.guest.hello()
            with pytest.raises(BlockingIOError):
                other.accept()
        (folder / "guest.sock").unlink()
        (folder / "guest.sock").write_text("")
        with pytest.raises(SandboxGone):
            await made.guest.hello()
        assert await made.poll() is Phase.UNREACHABLE

    @pytest.mark.filterwarnings("error::ResourceWarning")
    def test_asks_by_exec_where_gvisor_keeps_its_sockets_to_itself(self, gvisor: DockerMaker) -> None:
        asyncio.run(self.talk(gvisor))

        gc.collect()  # whatever was not closed is told now, and in this test an error

    async def talk(self, gvisor: DockerMaker) -> None:
        spec = gvisor.spec(runtime=cast(Any, "runsc-shut"))
        made = await gvisor.open_spec(replace(spec))
        made = await sandbox.attach_sandbox(replace(spec, runtime="runsc"), made.handle)
        data = bytes(range(256)) * 4000

        result = await made.guest.run(["cat"], input=data, limit_bytes=2**21)
        async with await made.guest.exec(["head", "-c", "5000000", "/dev/zero"]) as process:
            size = sum([len(part) async for _, part in process])

        assert not (spec.root / "socket" / "guest.sock").exists()
        assert result.stdout == data
        assert size == 5_000_000
        assert await made.poll() is Phase.RUNNING
        with pytest.raises(TimeoutError):  # given up in the middle of an answer
            async with asyncio.timeout(0.5), await made.guest.exec(["sleep", "60"]) as process:
                await anext(aiter(process))
        await made.guest.hello()  # and the loop ends right after


class TestRunning:
    async def test_tells_its_own_by_the_deployments_label(self, docker: DockerMaker) -> None:
        spec, other = docker.spec(deployment="ours"), docker.spec(deployment="theirs")
        await docker.open_spec(spec)
        await docker.open_spec(other)
        ended = docker.spec(deployment="ours")
        await (await docker.open_spec(ended)).stop()

        found = await sandbox.registry.backend_of(spec).running(docker.spec(deployment="ours"))

        assert list(found) == [spec.machine_id]
        await found[spec.machine_id].destroy()
        assert not spec.root.exists()

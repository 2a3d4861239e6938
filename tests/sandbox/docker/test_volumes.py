"""Homes in named volumes: the engine keeps the files, whose they are stands in labels, and they go with the home."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import pytest

from accounts.errors import Invalid
from environments import configs
from environments.models import EnvironmentKind
from sandbox import DockerSpec, Phase
from sandbox.docker import volumes
from sandbox.docker.engine import engine
from sandbox.errors import SandboxError, SandboxRefused
from tests.sandbox.backends import DockerMaker

OWNER = """
import os
for place in ("/workspace", "/home/agent"):
    print(os.stat(place).st_uid, oct(os.stat(place).st_mode)[-3:])
"""
WHOSE = (("organization", "org-1"), ("session", "s-1"))


async def volumes_of(spec: DockerSpec) -> dict[str, dict[str, Any]]:
    """All volumes of the engine with the home's name, by their own names."""
    async with engine(spec.engine) as client:
        found = await cast(Any, client.volumes).list()
    return {one["Name"]: one for one in found["Volumes"] or () if spec.root.name in one["Name"]}


class TestVolumes:
    async def test_keep_home_and_work_tree_for_the_next_container(self, either: DockerMaker) -> None:
        spec = either.spec(storage="volume", deployment="ours", labels=WHOSE)
        made = await either.open_spec(spec)
        await made.guest.write_file("/workspace/mine", b"work")
        await made.guest.write_file("/home/agent/.claude/record", b"said")
        assert (await made.guest.run(["python3", "-c", OWNER])).stdout == b"1000 700\n1000 700\n"
        await made.stop()

        again = await either.open_spec(replace(spec, machine_id="next", storage="folder"))

        assert await again.guest.read_file("/workspace/mine") == b"work"
        assert await again.guest.read_file("/home/agent/.claude/record") == b"said"
        assert not (spec.root / "work").exists()
        found = await volumes_of(spec)
        its = {"slipway.root": str(spec.root), "slipway.deployment": "ours", "slipway.organization": "org-1"}
        assert sorted(found) == [f"slipway-{spec.root.name}-home", f"slipway-{spec.root.name}-work"]
        assert all(one["Labels"] == its for one in found.values())
        await again.destroy()
        assert await again.poll() is Phase.GONE
        assert await volumes_of(spec) == {}

    async def test_leave_a_home_of_folders_as_it_is(self, docker: DockerMaker) -> None:
        spec = docker.spec()
        made = await docker.open_spec(spec)
        await made.guest.write_file("/workspace/mine", b"work")
        await made.stop()

        again = await docker.open_spec(replace(spec, storage="volume"))

        assert await again.guest.read_file("/workspace/mine") == b"work"
        assert await volumes_of(spec) == {}

    @pytest.mark.parametrize(
        "theirs",
        [
            {"Labels": {"slipway.root": "/another/home", "slipway.organization": "org-2"}},
            {"DriverOpts": {"type": "none", "o": "bind", "device": "/etc"}},
        ],
        ids=["another organisation's", "one that leads elsewhere"],
    )
    async def test_are_never_those_of_another(self, docker: DockerMaker, theirs: dict[str, Any]) -> None:
        spec = docker.spec(storage="volume", labels=WHOSE)
        name = volumes.name_of(spec, "work")
        async with engine(spec.engine) as client:
            await cast(Any, client.volumes).create({"Name": name, **theirs})
        try:
            with pytest.raises(SandboxRefused, match="is not this sandbox's"):
                await docker.open_spec(spec)

            assert list(await volumes_of(spec)) == [name]  # it was there before, and stays
            assert not spec.root.exists()
        finally:
            async with engine(spec.engine) as client:
                await volumes.remove_one(client, name)

    async def test_go_when_the_first_container_cannot_be_made(self, docker: DockerMaker) -> None:
        spec = docker.spec(storage="volume", network="nowhere")

        with pytest.raises(SandboxError):
            await docker.open_spec(spec)

        assert await volumes_of(spec) == {}
        assert not spec.root.exists()

    async def test_tell_the_folders_that_they_belong_to(self, docker: DockerMaker) -> None:
        spec = docker.spec(storage="volume", deployment="roots")
        await docker.open_spec(spec)

        async with engine(spec.engine) as client:
            found = await volumes.of_deployment(client, "roots")

        assert [one.root for one in found] == [str(spec.root)] * 2
        assert all(one.made_at and abs(datetime.now(UTC) - one.made_at).total_seconds() < 60 for one in found)


class TestNames:
    def test_are_nobodys_to_choose(self, tmp_path: Path) -> None:
        """Whoever could name a volume could name another tenant's: a home's are called after the home."""
        for config in ({"storage": "slipway-other-home"}, {"volume": "x"}, {"storage": ["volume", "x"]}):
            with pytest.raises(Invalid):
                configs.parse(EnvironmentKind.DOCKER, config)

        spec = DockerSpec("m", tmp_path / "0190", (), None, 60, "image", storage="volume")
        assert volumes.name_of(spec, "work") == "slipway-0190-work"

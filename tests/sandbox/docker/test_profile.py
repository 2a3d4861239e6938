"""Whatever is asked for, the engine's own account of the container is the profile; and what is not, is seen."""

from __future__ import annotations

import copy
import os
from pathlib import Path
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sandbox import DockerSpec, Mount
from sandbox.docker import containers, homes, processors, profile, volumes
from sandbox.docker.engine import engine
from sandbox.guest_archive import guest_archive
from tests.sandbox.backends import DockerMaker

NAMES = st.text("abcdefghijklmnopqrstuvwxyz0123456789-", min_size=1, max_size=20)
CHOICES: dict[str, st.SearchStrategy[Any]] = {
    "runtime": st.sampled_from(["runc", "runsc"]),
    "read_only_root": st.booleans(),
    "memory_bytes": st.integers(64 * 2**20, 2**40),
    "cpus": st.floats(0.1, 64),
    "pids": st.integers(16, 65_536),
    "tmp_bytes": st.integers(2**20, 2**40),
    "disk_bytes": st.integers(2**28, 2**44),
    "storage": st.sampled_from(["folder", "volume"]),
    "lifetime_s": st.integers(1, 10**6),
    "deployment": st.text(max_size=30),
    "labels": st.dictionaries(NAMES, st.text(max_size=50), max_size=5).map(lambda told: tuple(told.items())),
}


async def inspected(spec: DockerSpec) -> tuple[profile.Json, profile.Json]:
    """What was asked for, and what the engine says it made; nothing is started."""
    owner = homes.owner()
    spec.root.mkdir(exist_ok=True, mode=0o700)
    homes.make(spec, owner)
    archive = guest_archive(spec.root.parent / ".guest")
    async with engine(spec.engine) as client:
        wanted = profile.container(spec, owner, archive, spared=await processors.to_spare(client))
        if spec.storage == "volume":
            await volumes.make(client, spec, owner)
        made = await client.containers.create(wanted, name=f"slipway-{spec.machine_id}")
        try:
            return wanted, await made.show()
        finally:
            await containers.remove(client, made.id)
            await volumes.remove(client, spec)


def spared_and_left() -> list[tuple[str, str]]:
    """The processors of a container, and the one that it leaves to others: what there can be."""
    known = sorted(os.sched_getaffinity(0))
    return [(",".join(str(one) for one in known if one != spared), str(spared)) for spared in known]


class TestProfile:
    @settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(fields=st.fixed_dictionaries({}, optional=CHOICES), is_connected=st.booleans(), shown=st.integers(0, 3))
    def test_is_what_the_engine_made_for_any_spec(
        self, docker: DockerMaker, fields: dict[str, Any], is_connected: bool, shown: int
    ) -> None:
        sources = [docker.folder / f"tool-{number}" for number in range(shown)]
        for path in (*sources, docker.folder / "gateway"):
            path.mkdir(exist_ok=True)
        mounts = tuple(Mount(source, f"/opt/{source.name}") for source in sources)
        spec = docker.spec(mounts=mounts, gateway_dir=docker.folder / "gateway" if is_connected else None, **fields)

        wanted, made = async_to_sync(inspected)(spec)

        least = min(16 * 2**30, spec.disk_bytes)
        assert profile.differences(wanted, made) == []
        host, config = made["HostConfig"], made["Config"]
        assert (config["User"], host["CapDrop"], host["CapAdd"]) == ("1000:1000", ["ALL"], None)
        assert (host["Privileged"], host["NetworkMode"], host["SecurityOpt"]) == (
            False,
            "none",
            ["no-new-privileges:true"],
        )
        assert (host["CpusetCpus"], config["Labels"]["slipway.spared"]) in spared_and_left()
        assert host["Memory"] == host["MemorySwap"] == spec.memory_bytes
        assert (host["PidsLimit"], host["ReadonlyRootfs"], host["Runtime"]) == (
            spec.pids,
            spec.read_only_root,
            spec.runtime,
        )
        writable = {mount["Destination"] for mount in made["Mounts"] if mount["RW"]}
        assert writable == {"/home/agent", "/workspace", "/run/slipway/state", "/run/slipway/socket"}
        bound = [Path(mount["Source"]) for mount in made["Mounts"] if mount["Type"] == "bind"]
        named = [mount["Name"] for mount in made["Mounts"] if mount["Type"] == "volume"]
        assert all(source.is_relative_to(docker.folder) for source in bound)
        assert len(named) == (2 if spec.storage == "volume" else 0)
        assert all(name.startswith(f"slipway-{spec.root.name}-") for name in named)
        assert {"Name": "fsize", "Soft": least, "Hard": least} in host["Ulimits"]
        assert config["Labels"]["slipway.machine"] == spec.machine_id

    @pytest.mark.parametrize(
        ("place", "value"),
        [
            ("HostConfig.Privileged", True),
            ("HostConfig.CapAdd", ["SYS_ADMIN"]),
            ("HostConfig.CapDrop", None),
            ("HostConfig.SecurityOpt", ["seccomp=unconfined"]),
            ("HostConfig.NetworkMode", "host"),
            ("HostConfig.PidMode", "host"),
            ("HostConfig.IpcMode", "host"),
            ("HostConfig.UsernsMode", "host"),
            ("HostConfig.CgroupnsMode", "host"),
            ("HostConfig.Runtime", "runc-other"),
            ("HostConfig.MemorySwap", -1),
            ("HostConfig.PidsLimit", None),
            ("HostConfig.NanoCpus", 0),
            ("HostConfig.CpusetCpus", "0-1"),
            ("HostConfig.ReadonlyRootfs", False),
            ("HostConfig.Binds", ["/:/host"]),
            ("HostConfig.Devices", [{"PathOnHost": "/dev/sda"}]),
            ("HostConfig.MaskedPaths", []),
            ("HostConfig.RestartPolicy", {"Name": "always"}),
            ("HostConfig.LogConfig", {"Type": "json-file", "Config": {}}),
            ("Config.User", "0:0"),
            ("Config.Entrypoint", ["/evil"]),
            ("Config.Healthcheck", {"Test": ["CMD", "true"]}),
            ("NetworkSettings.Networks", {"none": {}, "bridge": {}}),
            ("Mounts", [{"Destination": "/"}]),
            ("Mounts.0.Source", "/etc"),
            ("Mounts.0.Type", "volume"),
            ("Mounts.0.RW", True),
        ],
    )
    def test_sees_what_nobody_asked_for(self, account: tuple[Any, Any], place: str, value: Any) -> None:
        wanted, made = copy.deepcopy(account)
        *path, name = place.split(".")
        part = made
        for step in path:
            part = part[int(step)] if isinstance(part, list) else part[step]
        part[name] = value

        assert len(profile.differences(wanted, made)) == 1

    def test_asks_for_no_more_processors_than_there_are(self, tmp_path: Path) -> None:
        spec = DockerSpec("m", tmp_path, (), None, 60, "image", cpus=100_000)

        wanted = profile.container(spec, homes.Owner(1000, 1000), tmp_path / "guest.pyz", spared=None)

        assert wanted["HostConfig"]["NanoCpus"] < 100_000e9
        assert wanted["HostConfig"]["NanoCpus"] <= max(1, len(processors.ours()) - 1) * 1e9


@pytest.fixture(scope="module")
def account() -> tuple[profile.Json, profile.Json]:
    """An unharmed container: as wanted, and as the engine tells."""
    maker = DockerMaker()
    try:
        wanted, made = async_to_sync(inspected)(maker.spec())
        made["Mounts"].sort(key=lambda mount: mount["Destination"])  # first of all /etc/group, read-only
        return wanted, made
    finally:
        async_to_sync(maker.close)()

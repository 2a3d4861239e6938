"""The one profile that every container gets, and the check that the engine made what was asked for."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from sandbox import inside
from sandbox.docker import labels, processors, volumes
from sandbox.docker.homes import Owner
from sandbox.folders import check_owned
from sandbox.spec import DockerSpec

FILE_BYTES = 16 * 2**30
OPEN_FILES = 16_384
SHM_BYTES = 256 * 2**20
LOG = {"Type": "json-file", "Config": {"max-size": "1m", "max-file": "1"}}

# What the engine would give when asked, and nobody asks for.
NEVER = (
    *("CapAdd", "Devices", "DeviceRequests", "DeviceCgroupRules", "Binds", "VolumesFrom", "VolumeDriver", "Links"),
    *("PidMode", "UTSMode", "UsernsMode", "Privileged", "PublishAllPorts", "PortBindings", "GroupAdd", "ExtraHosts"),
    *("Sysctls", "StorageOpt", "CgroupParent", "OomKillDisable", "AutoRemove", "Cgroup"),
)
HIDDEN = ("MaskedPaths", "ReadonlyPaths")  # of /proc and /sys: the engine's own lists, unless somebody empties them

Json = dict[str, Any]


def container(spec: DockerSpec, owner: Owner, archive: Path, *, spared: int | None) -> Json:
    """The body of the engine's create call, for a container that leaves one processor to the others.

    Raises: SandboxRefused (a mount's source is not the server's own real folder).
    """
    return {
        "Image": spec.image,
        "Entrypoint": [],
        "Cmd": _guest(spec),
        "User": str(owner),
        "WorkingDir": "/",
        "Hostname": "sandbox",
        "Env": [],
        "Labels": labels.of_container(spec) | ({} if spared is None else {labels.SPARED: str(spared)}),
        "Healthcheck": {"Test": ["NONE"]},
        "StopSignal": "SIGTERM",
        "HostConfig": {
            "Mounts": _mounts(spec, archive),
            "NetworkMode": spec.network,
            "Runtime": spec.runtime,
            "CapDrop": ["ALL"],
            "SecurityOpt": ["no-new-privileges:true"],  # and with nothing else the engine's own seccomp profile
            "ReadonlyRootfs": spec.read_only_root,
            "Tmpfs": {"/tmp": f"rw,nosuid,nodev,size={spec.tmp_bytes},mode=1777"},
            "Memory": spec.memory_bytes,
            "MemorySwap": spec.memory_bytes,
            "NanoCpus": math.ceil(processors.at_most(spec.cpus) * 1e9),
            "CpusetCpus": processors.without(spared),
            "PidsLimit": spec.pids,
            "Ulimits": _ulimits(spec),
            "Init": True,
            "IpcMode": "private",
            "CgroupnsMode": "private",
            "ShmSize": min(SHM_BYTES, spec.memory_bytes // 2),
            "LogConfig": LOG,
            "RestartPolicy": {"Name": "no"},
        },
    }


def differences(wanted: Json, made: Json) -> list[str]:
    """What of a container is not as it was asked for, by name; also rights that nobody asked for."""
    config, host = made["Config"], made["HostConfig"]
    asked = {name: value for name, value in wanted.items() if name not in ("HostConfig", "Env")}
    found = [name for name, value in asked.items() if not _is_same(config.get(name), value)]
    found += [name for name, value in wanted["HostConfig"].items() if not _is_same(host.get(name), value)]
    found += [name for name in NEVER if host.get(name)]
    found += [name for name in HIDDEN if not host.get(name)]
    if sorted(made["NetworkSettings"]["Networks"]) != [wanted["HostConfig"]["NetworkMode"]]:
        found.append("Networks")
    asked = {one["Target"]: (one["Type"], one["Source"], not one["ReadOnly"]) for one in wanted["HostConfig"]["Mounts"]}
    given = {one.get("Destination"): _given(one) for one in made["Mounts"]}
    if given != asked:
        found.append("volumes of the image" if given.keys() - asked.keys() else "Mounts")
    return found


def _given(mount: Json) -> tuple[str | None, str | None, bool]:
    """What lies at a place inside: its type, the folder or the volume's name, whether it can be written."""
    kind = mount.get("Type")
    return kind, mount.get("Name" if kind == "volume" else "Source"), bool(mount.get("RW"))


def _is_same(made: Any, wanted: Any) -> bool:
    if isinstance(wanted, dict):
        return isinstance(made, dict) and all(_is_same(made.get(name), value) for name, value in wanted.items())
    if isinstance(wanted, list) and wanted and isinstance(wanted[0], dict):
        return len(made or ()) == len(wanted) and all(_is_same(one, two) for one, two in zip(made, wanted, strict=True))
    return bool((made or None) == (wanted or None))


def _guest(spec: DockerSpec) -> list[str]:
    places = ["--home", inside.HOME, "--work", inside.WORK, "--state", inside.STATE, "--subreaper"]
    socket = f"{inside.SOCKETS}/{inside.SOCKET}"
    role = ["serve", "--socket", socket, "--label", spec.machine_id, "--lifetime", str(spec.lifetime_s)]
    return ["python3", "-I", "-S", "-X", "utf8", inside.ARCHIVE, *role, *places]


def _mounts(spec: DockerSpec, archive: Path) -> list[Json]:
    kept = {"home": inside.HOME, "work": inside.WORK}
    own = {"state": inside.STATE, "socket": inside.SOCKETS}
    if spec.storage == "volume":
        mounts = [volumes.mount(spec, place, target) for place, target in kept.items()]
    else:
        mounts, own = [], kept | own
    mounts += [_bind(spec.root / name, target, read_only=False) for name, target in own.items()]
    mounts += [_bind(spec.root / name, f"/etc/{name}", read_only=True) for name in ("passwd", "group")]
    mounts.append(_bind(archive, inside.ARCHIVE, read_only=True))
    shown = [(mount.source, mount.target) for mount in spec.mounts]
    if spec.gateway_dir is not None:
        shown.append((spec.gateway_dir, inside.GATEWAY))
    for source, target in shown:
        check_owned(source)
        mounts.append(_bind(source, target, read_only=True))
    return mounts


def _bind(source: Path, target: str, *, read_only: bool) -> Json:
    options = {"Propagation": "rprivate"}
    return {"Type": "bind", "Source": str(source), "Target": target, "ReadOnly": read_only, "BindOptions": options}


def _ulimits(spec: DockerSpec) -> list[Json]:
    limits = {"core": 0, "fsize": min(FILE_BYTES, spec.disk_bytes), "nofile": OPEN_FILES}
    return [{"Name": name, "Soft": value, "Hard": value} for name, value in limits.items()]

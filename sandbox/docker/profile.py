"""The one profile that every container gets, and the check that the engine made what was asked for."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sandbox import inside
from sandbox.folders import check_owned
from sandbox.spec import DockerSpec

MACHINE = "slipway.machine"
ROOT = "slipway.root"
DEPLOYMENT = "slipway.deployment"
SOCKETS = "/run/slipway/socket"
SOCKET = "guest.sock"
FILE_BYTES = 16 * 2**30
OPEN_FILES = 16_384
SHM_BYTES = 256 * 2**20
LOG = {"Type": "json-file", "Config": {"max-size": "1m", "max-file": "1"}}

Json = dict[str, Any]


@dataclass(frozen=True)
class Owner:
    """Who the agent is inside, and so whom its folders belong to outside."""

    uid: int
    gid: int

    def __str__(self) -> str:
        return f"{self.uid}:{self.gid}"


def container(spec: DockerSpec, owner: Owner, archive: Path) -> Json:
    """The body of the engine's create call.

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
        "Labels": labels(spec),
        "HostConfig": {
            "Mounts": _mounts(spec, archive),
            "NetworkMode": spec.network,
            "Runtime": spec.runtime,
            "CapDrop": ["ALL"],
            "SecurityOpt": ["no-new-privileges:true"],
            "Privileged": False,
            "ReadonlyRootfs": spec.read_only_root,
            "Tmpfs": {"/tmp": f"rw,nosuid,nodev,size={spec.tmp_bytes},mode=1777"},
            "Memory": spec.memory_bytes,
            "MemorySwap": spec.memory_bytes,
            "NanoCpus": math.ceil(spec.cpus * 1e9),
            "PidsLimit": spec.pids,
            "Ulimits": _ulimits(),
            "Init": True,
            "IpcMode": "private",
            "CgroupnsMode": "private",
            "ShmSize": SHM_BYTES,
            "LogConfig": LOG,
            "RestartPolicy": {"Name": "no"},
        },
    }


def labels(spec: DockerSpec) -> dict[str, str]:
    """What the container is found by, and what tells an operator whose it is."""
    told = {f"slipway.{name}": value for name, value in spec.labels}
    return {**told, MACHINE: spec.machine_id, ROOT: str(spec.root), DEPLOYMENT: spec.deployment}


def differences(wanted: Json, made: Json) -> list[str]:
    """What of a container is not as it was asked for, by name; also rights that nobody asked for."""
    found = [name for name in ("User", "Cmd", "Image") if made["Config"].get(name) != wanted[name]]
    host = made["HostConfig"]
    found += [name for name, value in wanted["HostConfig"].items() if not _is_same(host.get(name), value)]
    for name in ("CapAdd", "Devices", "DeviceRequests", "Binds", "VolumesFrom", "PidMode", "UTSMode", "UsernsMode"):
        if host.get(name):
            found.append(name)
    if host.get("PublishAllPorts") or host.get("PortBindings"):
        found.append("ports")
    return found


def _is_same(made: Any, wanted: Any) -> bool:
    if isinstance(wanted, dict):
        return isinstance(made, dict) and all(_is_same(made.get(name), value) for name, value in wanted.items())
    if isinstance(wanted, list) and wanted and isinstance(wanted[0], dict):
        return len(made or ()) == len(wanted) and all(_is_same(one, two) for one, two in zip(made, wanted, strict=True))
    return bool((made or None) == (wanted or None))


def _guest(spec: DockerSpec) -> list[str]:
    places = ["--home", inside.HOME, "--work", inside.WORK, "--state", inside.STATE, "--subreaper"]
    role = ["serve", "--socket", f"{SOCKETS}/{SOCKET}", "--label", spec.machine_id, "--lifetime", str(spec.lifetime_s)]
    return ["python3", "-I", "-S", "-X", "utf8", inside.ARCHIVE, *role, *places]


def _mounts(spec: DockerSpec, archive: Path) -> list[Json]:
    own = {"home": inside.HOME, "work": inside.WORK, "state": inside.STATE, "socket": SOCKETS}
    mounts = [_bind(spec.root / name, target, read_only=False) for name, target in own.items()]
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


def _ulimits() -> list[Json]:
    limits = {"core": 0, "fsize": FILE_BYTES, "nofile": OPEN_FILES}
    return [{"Name": name, "Soft": value, "Hard": value} for name, value in limits.items()]

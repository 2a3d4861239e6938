"""Named volumes of a home, for engines that keep files better than the server's own folder does.

Their names are made here and nobody chooses one, so nobody can name another's. Whose a volume is stands in its labels.
"""

from __future__ import annotations

import io
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from aiodocker import Docker, DockerError

from sandbox import inside
from sandbox.docker import containers, labels
from sandbox.docker.engine import GONE, IN_USE
from sandbox.docker.homes import MARK, Owner
from sandbox.errors import SandboxError, SandboxRefused
from sandbox.spec import DockerSpec

PLACES: Mapping[str, str] = {"home": inside.HOME, "work": inside.WORK}
GIVEN = "/given"  # where a container that never runs has them while they are given to the user inside


@dataclass(frozen=True)
class Volume:
    """One that carries our labels; `root` is the folder of the home that it belongs to."""

    name: str
    root: str
    made_at: datetime | None


def name_of(spec: DockerSpec, place: str) -> str:
    """What the engine calls one of the home's volumes."""
    return f"slipway-{spec.root.name}-{place}"


async def make(client: Docker, spec: DockerSpec, owner: Owner) -> None:
    """The home's volumes, for the user inside; those that are there are looked at only.

    Raises: SandboxRefused (one of that name is somebody else's, or leads elsewhere).
    """
    its = labels.of_home(spec)
    for place in PLACES:
        name = name_of(spec, place)
        volume = await _known(client).create({"Name": name, "Driver": "local", "Labels": its})
        found = await volume.show()  # the engine gives back one that was there before, whatever it is
        if found["Driver"] != "local" or found.get("Options") or (found.get("Labels") or {}) != its:
            raise SandboxRefused(f"The volume {name} is not this sandbox's; remove it at the engine.")
    given = spec.root / MARK
    if not given.exists():
        await _give(client, spec, owner)
        given.touch(mode=0o600)


async def _give(client: Docker, spec: DockerSpec, owner: Owner) -> None:
    """Hand empty volumes to the user inside by way of a container that is never started: no code of anybody's runs."""
    mounts = [mount(spec, place, f"{GIVEN}/{place}") for place in PLACES]
    config: dict[str, Any] = {
        "Image": spec.image,
        "Cmd": ["true"],
        "Labels": labels.of_container(spec),
        "HostConfig": {"NetworkMode": "none", "CapDrop": ["ALL"], "Mounts": mounts},
    }
    made: Any = await client.containers.create(config)
    try:
        await made.put_archive(GIVEN, _folders(owner))
    finally:
        await containers.remove(client, made.id)


def mount(spec: DockerSpec, place: str, target: str) -> dict[str, object]:
    """As the engine is asked for it: nothing of the image is copied into the volume."""
    source = name_of(spec, place)
    return {
        "Type": "volume",
        "Source": source,
        "Target": target,
        "ReadOnly": False,
        "VolumeOptions": {"NoCopy": True},
    }


async def remove(client: Docker, spec: DockerSpec) -> None:
    """Remove what the home has of volumes, by their labels. Raises: SandboxError (a container still has one)."""
    for volume in await _labelled(client, labels.ROOT, str(spec.root)):
        await remove_one(client, volume.name)


async def remove_one(client: Docker, name: str) -> None:
    """One that is gone is as good. Raises: SandboxError (a container still has it)."""
    try:
        await (await _known(client).get(name)).delete()
    except DockerError as error:
        if error.status == IN_USE:
            raise SandboxError(f"The volume {name} is still in use.") from error
        if error.status != GONE:
            raise


async def of_deployment(client: Docker, deployment: str) -> list[Volume]:
    """All volumes that this deployment's homes have, or had."""
    return await _labelled(client, labels.DEPLOYMENT, deployment)


async def used_bytes(client: Docker, spec: DockerSpec) -> int:
    """What the home's volumes hold, as the engine counts it."""
    names = {name_of(spec, place) for place in PLACES}
    told = await client._query_json("system/df", params={"type": "volume"})
    return sum(max(0, one["UsageData"]["Size"]) for one in told.get("Volumes") or () if one["Name"] in names)


def _known(client: Docker) -> Any:
    """The engine's volumes, of whose methods the client tells no types."""
    return client.volumes


async def _labelled(client: Docker, label: str, value: str) -> list[Volume]:
    found = await _known(client).list(filters={"label": [f"{label}={value}"]})
    return [
        Volume(one["Name"], one["Labels"].get(labels.ROOT, ""), containers.instant(one.get("CreatedAt", "")))
        for one in found.get("Volumes") or ()
    ]


def _folders(owner: Owner) -> bytes:
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as archive:
        for place in PLACES:
            member = tarfile.TarInfo(place)
            member.type, member.mode, member.uid, member.gid = tarfile.DIRTYPE, 0o700, owner.uid, owner.gid
            archive.addfile(member)
    return data.getvalue()

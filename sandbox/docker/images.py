"""The engine's images: what there is, what an image says of itself, names given and images removed."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from aiodocker import Docker, DockerError

from sandbox.docker import containers
from sandbox.docker.engine import GONE, IN_USE

REMOVALS, REMOVAL_S = 40, 0.25  # the engine takes a moment to end what runs


@dataclass(frozen=True)
class Image:
    """One image; `names` as in name:tag, empty for one that only its id is left of."""

    id: str
    names: tuple[str, ...]
    labels: Mapping[str, str]
    size_bytes: int
    created_at: datetime


@dataclass(frozen=True)
class Inspected:
    """What matters of an image before it is built upon or run."""

    id: str
    size_bytes: int
    triggers: tuple[str, ...]  # its ONBUILD instructions
    labels: Mapping[str, str]


async def list_images(client: Docker) -> list[Image]:
    """All images that have a name, newest first."""
    return [_image(entry) for entry in await client.images.list()]


async def labelled(client: Docker, its: Mapping[str, str], *, only_nameless: bool = False) -> list[Image]:
    """The images that carry all these labels; an empty value asks for the label alone."""
    filters = {"label": containers.wanted(its)} | ({"dangling": ["true"]} if only_nameless else {})
    return [_image(entry) for entry in await client.images.list(filters=filters)]


async def inspect(client: Docker, name: str) -> Inspected | None:
    """The image of this name or id; None when the engine has none."""
    try:
        found = await client.images.inspect(name)
    except DockerError as error:
        if error.status == GONE:
            return None
        raise
    config = found.get("Config") or {}
    return Inspected(found["Id"], found.get("Size", 0), tuple(config.get("OnBuild") or ()), config.get("Labels") or {})


async def tag(client: Docker, id: str, *, repository: str, tag: str) -> None:
    """Give an image a name; one that had it before loses it."""
    await client.images.tag(id, repository, tag=tag)


async def remove(client: Docker, reference: str) -> bool:
    """Remove a name, and the image with its last one; False when a container still needs it. Gone is as good."""
    try:
        await client.images.delete(reference)
    except DockerError as error:
        if error.status == IN_USE:
            return False
        if error.status != GONE:
            raise
    return True


async def leftovers(client: Docker, its: Mapping[str, str]) -> list[Mapping[str, str]]:
    """The labels of each container, and of each image without a name, that carries these."""
    ended = await containers.labelled(client, its, only_running=False)
    nameless = await labelled(client, its, only_nameless=True)
    return [*(container["Labels"] for container in ended), *(image.labels for image in nameless)]


async def remove_leftovers(client: Docker, its: Mapping[str, str], *, before: datetime | None = None) -> None:
    """Containers, and images without a name, that carry these labels: what a build that was cut off leaves.

    With `before` only those that had been made by then.
    """
    until = (before or datetime.max.replace(tzinfo=UTC)).timestamp()
    for _ in range(REMOVALS):
        found = await containers.labelled(client, its, only_running=False)
        old = [container for container in found if container["Created"] < until]
        if not old:
            break
        for container in old:
            await containers.remove(client, container.id)
        await asyncio.sleep(REMOVAL_S)
    # Each pass takes those that nothing was built upon; what they were built upon is in the next one.
    while [
        one
        for one in await labelled(client, its, only_nameless=True)
        if one.created_at.timestamp() < until and await remove(client, one.id)
    ]:
        pass


def _image(entry: Mapping[str, Any]) -> Image:
    names = tuple(name for name in entry.get("RepoTags") or () if not name.startswith("<none>"))
    created_at = datetime.fromtimestamp(entry["Created"], UTC)
    return Image(entry["Id"], names, entry.get("Labels") or {}, entry.get("Size", 0), created_at)

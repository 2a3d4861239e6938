"""The engine's images: what there is, what an image says of itself, names given and images removed."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from aiodocker import Docker, DockerError

NOT_FOUND, IN_USE = 404, 409
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


async def list_images(client: Docker, **filters: str) -> list[Image]:
    """All images with a name, or those that the filters leave (`label`, `reference`, `dangling`), newest first."""
    found = await client.images.list(filters={name: [value] for name, value in filters.items()} or None)
    return [_image(entry) for entry in found]


async def inspect(client: Docker, name: str) -> Inspected | None:
    """The image of this name or id; None when the engine has none."""
    try:
        found = await client.images.inspect(name)
    except DockerError as error:
        if error.status == NOT_FOUND:
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
        if error.status != NOT_FOUND:
            raise
    return True


async def remove_leftovers(client: Docker, label: str) -> int:
    """Containers, and images without a name, that carry `label` (name=value): what a build that was cut off leaves.

    Returns: how many images were removed.
    """
    for _ in range(REMOVALS):
        containers = await client.containers.list(all=True, filters={"label": [label]})
        if not containers:
            break
        for container in containers:
            await _remove_container(container)
        await asyncio.sleep(REMOVAL_S)
    # Each pass takes those that nothing was built upon; what they were built upon is in the next one.
    count = 0
    while removed := [
        one for one in await list_images(client, dangling="true", label=label) if await remove(client, one.id)
    ]:
        count += len(removed)
    return count


async def _remove_container(container: Any) -> None:
    try:
        await container.delete(force=True, v=True)
    except DockerError as error:
        if error.status not in (NOT_FOUND, IN_USE):  # the engine is at it by itself
            raise


def _image(entry: Mapping[str, Any]) -> Image:
    names = tuple(name for name in entry.get("RepoTags") or () if not name.startswith("<none>"))
    created_at = datetime.fromtimestamp(entry["Created"], UTC)
    return Image(entry["Id"], names, entry.get("Labels") or {}, entry.get("Size", 0), created_at)

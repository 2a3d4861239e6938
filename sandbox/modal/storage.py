"""Volumes: what of a session outlives its sandboxes, each in a folder named by its home."""

from __future__ import annotations

import asyncio
import contextlib
import os
from typing import Any

import modal
from modal.exception import NotFoundError

from sandbox import inside
from sandbox.modal import entry
from sandbox.modal.access import clients, mapped
from sandbox.spec import ModalSpec

# One volume may be mounted once in a sandbox: hence one for each of the three places.
PLACES = {"work": inside.WORK, "home": inside.HOME, "kept": entry.KEPT}
MARK = "kept"


def volume_name(spec: ModalSpec, place: str) -> str:
    """Volumes are an organisation's, so that no tenant's sandbox has another's in reach."""
    return f"slipway-{spec.deployment[:8]}-{spec.organization_id}-{place}"  # Modal's names have up to 64 characters


async def volumes_of(spec: ModalSpec) -> dict[str | os.PathLike[Any], modal.Volume | modal.CloudBucketMount]:
    """Mount path to volume, as a new sandbox takes them."""
    client = await clients.client(spec.credential)
    mounted: dict[str | os.PathLike[Any], modal.Volume | modal.CloudBucketMount] = {
        path: _volume(spec, place, client).with_mount_options(sub_path=spec.home_id) for place, path in PLACES.items()
    }
    if spec.skills_volume:
        skills = modal.Volume.from_name(spec.skills_volume, create_if_missing=True, version=2, client=client)
        mounted[entry.SKILLS] = skills.with_mount_options(read_only=True)
    return mounted


async def has_files(spec: ModalSpec) -> bool:
    """Whether anything of the session is kept."""
    client = await clients.client(spec.credential)
    with mapped():
        try:
            top = await _volume(spec, MARK, client).listdir.aio("/")
        except NotFoundError:
            return False
    return any(found.path.strip("/") == spec.home_id for found in top)


async def remove(spec: ModalSpec) -> None:
    """Remove all that is kept of the session; the mark last, so that a removal that was cut short is repeated."""
    client = await clients.client(spec.credential)
    with mapped():
        await asyncio.gather(*(_remove(spec, place, client) for place in PLACES if place != MARK))
        await _remove(spec, MARK, client)


async def _remove(spec: ModalSpec, place: str, client: modal.Client) -> None:
    with contextlib.suppress(NotFoundError, FileNotFoundError):
        await _volume(spec, place, client).remove_file.aio(f"/{spec.home_id}", recursive=True)


def _volume(spec: ModalSpec, place: str, client: modal.Client) -> modal.Volume:
    return modal.Volume.from_name(volume_name(spec, place), create_if_missing=True, version=2, client=client)

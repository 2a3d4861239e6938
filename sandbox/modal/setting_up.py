"""What an operator makes ready at Modal before the first session: the image, the volumes, the skills."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import modal
from modal.exception import NotFoundError

from sandbox.errors import SandboxRefused
from sandbox.modal import storage
from sandbox.modal.access import clients, mapped
from sandbox.modal.image import base_image
from sandbox.spec import ModalCredential, ModalSpec

MANIFEST = ".slipway.json"  # path to hash of what was uploaded: Modal tells sizes and times only


@dataclass(frozen=True)
class Upload:
    """How many files of a folder were sent, were there already, and were taken away."""

    sent: int
    kept: int
    removed: int


async def build_image(credential: ModalCredential | None, app: str, name: str, agent_version: str) -> str:
    """Build the image unless Modal has it; the log of the build is printed as it comes. Returns its id.

    Raises: BackendUnavailable (a step failed; Modal cannot be reached), SandboxRefused (no name of an image).
    """
    with mapped(), modal.enable_output():
        client = await clients.client(credential)
        home = await modal.App.lookup.aio(app, create_if_missing=True, client=client)
        image = base_image(name, agent_version)
        await image.build.aio(home)
    return str(image.object_id)


async def make_volumes(spec: ModalSpec) -> list[str]:
    """The volumes of an organisation, made where they are missing; their names."""
    client = await clients.client(spec.credential)
    names = [storage.volume_name(spec, place) for place in storage.PLACES]
    with mapped():
        for name in names:
            await modal.Volume.from_name(name, create_if_missing=True, version=2, client=client).hydrate.aio()
    return names


async def upload_skills(credential: ModalCredential | None, volume: str, folder: Path) -> Upload:
    """Make a volume hold what the folder holds; only what has changed is sent.

    Raises: SandboxRefused (it is no folder, or holds a link); BackendUnavailable.
    """
    wanted = dict(_files(folder))
    digests = {path: hashlib.sha256(data).hexdigest() for path, data in wanted.items()}
    with mapped():
        client = await clients.client(credential)
        target = modal.Volume.from_name(volume, create_if_missing=True, version=2, client=client)
        known = await _manifest(target)
        changed = [path for path, digest in digests.items() if known.get(path) != digest]
        gone = [path for path in known if path not in digests]
        # The manifest goes first: an upload that is cut short is taken up again from nothing known.
        if changed or gone:
            await _put(target, {MANIFEST: b"{}"})
            await _put(target, {path: wanted[path] for path in changed})
            for path in gone:
                await _remove(target, path)
            await _put(target, {MANIFEST: json.dumps(digests, sort_keys=True).encode()})
    return Upload(sent=len(changed), kept=len(digests) - len(changed), removed=len(gone))


def _files(folder: Path) -> Iterator[tuple[str, bytes]]:
    if not folder.is_dir():
        raise SandboxRefused(f"{folder} is no folder.")
    for path in sorted(folder.rglob("*")):
        if path.is_symlink():
            raise SandboxRefused(f"{path} is a link; put the file itself there.")
        if path.is_file():
            yield path.relative_to(folder).as_posix(), path.read_bytes()


async def _manifest(volume: modal.Volume) -> dict[str, str]:
    try:
        parts = [part async for part in volume.read_file.aio(MANIFEST)]
        found = json.loads(b"".join(parts))
    except (FileNotFoundError, NotFoundError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


async def _put(volume: modal.Volume, files: dict[str, bytes]) -> None:
    if files:
        async with volume.batch_upload.aio(force=True) as batch:
            for path, data in files.items():
                batch.put_file(io.BytesIO(data), f"/{path}")


async def _remove(volume: modal.Volume, path: str) -> None:
    try:
        await volume.remove_file.aio(f"/{path}")
    except (FileNotFoundError, NotFoundError):
        return

"""Everything that the local Modal knows: apps, images, files, secrets, volumes, sandboxes."""

from __future__ import annotations

import hashlib
import re
import secrets
import shutil
import time
from dataclasses import dataclass, field
from pathlib import Path

from grpclib import GRPCError, Status
from modal_proto import api_pb2 as api

from tests.fakes.modal.sandbox import Sandbox

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
OWNED = re.compile(r"install -d -o 1000 -g 1000 (.+)")


def new_id(prefix: str) -> str:
    """26 characters after the prefix: the client takes an id of a sandbox with 22 for one of the first version."""
    return f"{prefix}-{''.join(secrets.choice(ALPHABET) for _ in range(26))}"


@dataclass
class Image:
    """Recorded and not built; folders that its commands give to uid 1000 can be written in a sandbox."""

    id: str
    commands: list[str]
    owned: list[str]
    is_built: bool = False

    @property
    def failure(self) -> str:
        """The step that fails the build: `RUN exit N`."""
        return next((command for command in self.commands if command.startswith("RUN exit ")), "")


@dataclass
class Volume:
    """A folder; what sandboxes change in it is seen once they have ended."""

    id: str
    name: str
    folder: Path
    created_at: float = field(default_factory=time.time)

    def inside(self, path: str) -> Path:
        """A place in the volume. Raises: GRPCError for one outside."""
        found = (self.folder / path.lstrip("/")).resolve()
        if not found.is_relative_to(self.folder.resolve()):
            raise GRPCError(Status.INVALID_ARGUMENT, "path leaves the volume")
        return found

    def metadata(self) -> api.VolumeMetadata:
        created = api.CreationInfo(created_at=self.created_at)
        return api.VolumeMetadata(version=api.VOLUME_FS_VERSION_V2, name=self.name, creation_info=created)


class World:
    """The state of one local Modal, below one folder."""

    def __init__(self, base: Path, shared: list[tuple[str, str]]) -> None:
        self.base = base
        self.shared = shared
        self.apps: dict[str, str] = {}
        self.images: dict[str, Image] = {}
        self.contents: dict[str, bytes] = {}
        self.mounts: dict[str, list[api.MountFile]] = {}
        self.secrets: dict[str, str] = {}
        self.volumes: dict[str, Volume] = {}
        self.sandboxes: dict[str, Sandbox] = {}
        self.names: dict[tuple[str, str], Sandbox] = {}

    def image(self, definition: api.Image) -> Image:
        """The image of a definition, the same for the same one."""
        digest = hashlib.sha256(definition.SerializeToString(deterministic=True)).hexdigest()
        key = f"im-{digest[:26].upper()}"
        if key not in self.images:
            commands = list(definition.dockerfile_commands)
            owned = [path for base in definition.base_images for path in self.images[base.image_id].owned]
            for command in commands:
                owned += [path for found in OWNED.findall(command) for path in found.split()]
            self.images[key] = Image(key, commands, owned)
        return self.images[key]

    def volume(self, name: str) -> Volume | None:
        return next((volume for volume in self.volumes.values() if volume.name == name), None)

    def make_volume(self, name: str) -> Volume:
        volume = Volume(new_id("vo"), name, self.base / "volumes" / new_id("d"))
        volume.folder.mkdir(parents=True)
        self.volumes[volume.id] = volume
        return volume

    def sandbox(self, id: str) -> Sandbox:
        """Raises: GRPCError (there is none of this id)."""
        if id not in self.sandboxes:
            raise GRPCError(Status.NOT_FOUND, f"Sandbox {id} not found")
        return self.sandboxes[id]

    def by_task(self, task_id: str) -> Sandbox:
        for sandbox in self.sandboxes.values():
            if sandbox.task_id == task_id:
                return sandbox
        raise GRPCError(Status.NOT_FOUND, f"task {task_id} not found")

    async def make_sandbox(self, app_id: str, definition: api.Sandbox, tags: dict[str, str]) -> Sandbox:
        """Raises: GRPCError (a running one has the name)."""
        key = (app_id, definition.name)
        if definition.name and key in self.names and self.names[key].result is None:
            raise GRPCError(Status.ALREADY_EXISTS, f"Sandbox with name '{definition.name}' already exists")
        sandbox = Sandbox(new_id("sb"), new_id("ta"), app_id, definition, tags)
        self.sandboxes[sandbox.id] = sandbox
        if definition.name:
            self.names[key] = sandbox
        await sandbox.start(self)
        return sandbox

    def forget(self, id: str) -> None:
        """As if the sandbox had never been."""
        sandbox = self.sandboxes.pop(id)
        self.names = {key: value for key, value in self.names.items() if value is not sandbox}

    def close(self) -> None:
        for sandbox in self.sandboxes.values():
            sandbox.finish(api.GenericResult.GENERIC_STATUS_TERMINATED)
        shutil.rmtree(self.base, ignore_errors=True)

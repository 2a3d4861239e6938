"""One sandbox of the local Modal: its box, its execs, how long it lives, and what of it reaches the volumes."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from modal_proto import api_pb2 as api

from tests.fakes.modal.box import Bind, Box
from tests.fakes.modal.execs import Exec

if TYPE_CHECKING:
    from tests.fakes.modal.world import Volume, World

LOOK_S = 0.05


@dataclass(frozen=True)
class Mounted:
    """A volume in a sandbox: a copy of its own, which is put back at the end."""

    volume: Volume
    origin: Path
    copy: Path
    is_read_only: bool


class Sandbox:
    """Runs from `start` to `finish`; then `result` is set for good."""

    def __init__(self, id: str, task_id: str, app_id: str, definition: api.Sandbox, tags: dict[str, str]) -> None:
        self.id = id
        self.task_id = task_id
        self.app_id = app_id
        self.definition = definition
        self.tags = tags
        self.created_at = self._active_at = time.time()
        self.execs: dict[str, Exec] = {}
        self.main: Exec | None = None
        self.result: api.GenericResult | None = None
        self.finished = asyncio.Event()
        self._mounted: list[Mounted] = []
        self._box: Box | None = None
        self._starting = asyncio.Lock()
        self._watcher: asyncio.Task[None] | None = None

    async def start(self, world: World) -> None:
        folder = world.base / "sandboxes" / self.id
        binds = [Bind(*shared, is_read_only=True) for shared in world.shared]
        binds += self._owned(world, folder) + self._files(world, folder) + self._volumes(world, folder)
        is_blocked = self.definition.network_access.network_access_type == api.NetworkAccess.BLOCKED
        self._box = Box(folder, binds, is_blocked=is_blocked)
        self.main = await self._box.start(list(self.definition.entrypoint_args) or ["sleep", "infinity"])
        self._watcher = asyncio.create_task(self._watch())

    def _owned(self, world: World, folder: Path) -> list[Bind]:
        image = world.images.get(self.definition.image_id)
        binds = []
        for number, path in enumerate(image.owned if image else ()):
            source = folder / f"owned-{number}"
            source.mkdir(parents=True)
            binds.append(Bind(str(source), path))
        return binds

    def _files(self, world: World, folder: Path) -> list[Bind]:
        binds = []
        for mount_id in self.definition.mount_ids:
            for file in world.mounts[mount_id]:
                source = folder / "files" / file.sha256_hex
                source.parent.mkdir(parents=True, exist_ok=True)
                source.write_bytes(world.contents[file.sha256_hex])
                binds.append(Bind(str(source), file.filename, is_read_only=True))
        return binds

    def _volumes(self, world: World, folder: Path) -> list[Bind]:
        binds = []
        for number, mount in enumerate(self.definition.volume_mounts):
            volume = world.volumes[mount.volume_id]
            origin, copy = volume.inside(mount.sub_path), folder / f"volume-{number}"
            origin.mkdir(parents=True, exist_ok=True)
            subprocess.run(["cp", "-a", "--", str(origin), str(copy)], check=True)
            self._mounted.append(Mounted(volume, origin, copy, mount.read_only))
            binds.append(Bind(str(copy), mount.mount_path, is_read_only=mount.read_only))
        return binds

    async def _watch(self) -> None:
        """End when the first process has ended, at the end of the lifetime, or when nobody has used it for long."""
        definition, results = self.definition, api.GenericResult
        assert self.main is not None
        while self.result is None:
            now = time.time()
            if any(run.returncode is None for run in self.execs.values()):
                self._active_at = now
            if now - self.created_at >= definition.timeout_secs:
                self.finish(results.GENERIC_STATUS_TIMEOUT)
            elif definition.HasField("idle_timeout_secs") and now - self._active_at >= definition.idle_timeout_secs:
                self.finish(results.GENERIC_STATUS_IDLE_TIMEOUT)
            elif (code := self.main.returncode) is not None:
                ending = results.GENERIC_STATUS_FAILURE if code else results.GENERIC_STATUS_SUCCESS
                self.finish(ending, exit_code=code if code >= 0 else 128 - code)
            else:
                await asyncio.wait({asyncio.ensure_future(self.main.exited.wait())}, timeout=LOOK_S)

    async def run(self, exec_id: str, argv: list[str], environment: dict[str, str]) -> None:
        """Start a command; asked again under the same id it does nothing."""
        assert self._box is not None
        self._active_at = time.time()
        async with self._starting:
            if exec_id not in self.execs:
                self.execs[exec_id] = await self._box.run(argv, environment)

    def finish(self, status: api.GenericResult.GenericStatus.ValueType, exit_code: int = 0) -> None:
        """Kill everything and put the volumes' copies back; the first call counts."""
        if self.result is not None:
            return
        self.result = api.GenericResult(status=status, exitcode=exit_code)
        if self._box is not None:
            self._box.kill()
        for run in self.execs.values():
            run.kill()
        for mounted in self._mounted:
            if not mounted.is_read_only and mounted.origin.exists():
                shutil.rmtree(mounted.origin)
                mounted.copy.rename(mounted.origin)
        self.finished.set()

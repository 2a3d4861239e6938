"""The control plane's part for volumes of the second version; their contents pass through the store."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from google.protobuf.empty_pb2 import Empty
from grpclib import GRPCError, Status
from modal_proto import api_pb2 as api

from tests.fakes.modal.rpc import streaming, unary
from tests.fakes.modal.world import Volume, World, new_id


class Volumes:
    """Making volumes, and listing, filling and emptying them from outside."""

    world: World
    store_url: str

    def _volume(self, id: str) -> Volume:
        if id not in self.world.volumes:
            raise GRPCError(Status.NOT_FOUND, f"Volume {id} not found")
        return self.world.volumes[id]

    @unary
    async def VolumeGetOrCreate(self, request: api.VolumeGetOrCreateRequest, metadata: Any) -> Any:
        name = request.deployment_name
        found = self.world.volume(name)
        if found is None:
            if request.object_creation_type == api.OBJECT_CREATION_TYPE_UNSPECIFIED:
                raise GRPCError(Status.NOT_FOUND, f"Volume '{name}' not found")
            found = self.world.make_volume(name)
        version = api.VOLUME_FS_VERSION_V2
        return api.VolumeGetOrCreateResponse(volume_id=found.id, version=version, metadata=found.metadata())

    @streaming
    async def VolumeListFiles2(self, request: api.VolumeListFiles2Request, metadata: Any) -> Any:
        volume = self._volume(request.volume_id)
        top = volume.inside(request.path)
        if not top.exists():
            raise GRPCError(Status.NOT_FOUND, f"No such file or directory: {request.path}")
        found = [top] if top.is_file() else sorted(top.rglob("*") if request.recursive else top.iterdir())
        root = volume.folder.resolve()
        yield api.VolumeListFiles2Response(entries=[_entry(path, root) for path in found])

    @unary
    async def VolumePutFiles2(self, request: api.VolumePutFiles2Request, metadata: Any) -> Any:
        volume = self._volume(request.volume_id)
        missing = [
            api.VolumePutFiles2Response.MissingBlock(
                file_index=index, block_index=number, put_url=f"{self.store_url}/put/{new_id('bk')}"
            )
            for index, file in enumerate(request.files)
            for number, block in enumerate(file.blocks)
            if block.contents_sha256.hex() not in self.world.contents
        ]
        for file in () if missing else request.files:
            target = volume.inside(file.path)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(b"".join(self.world.contents[block.contents_sha256.hex()] for block in file.blocks))
            target.chmod(file.mode or 0o644)
        return api.VolumePutFiles2Response(missing_blocks=missing)

    @unary
    async def VolumeGetFile2(self, request: api.VolumeGetFile2Request, metadata: Any) -> Any:
        path = self._volume(request.volume_id).inside(request.path)
        if not path.is_file():
            raise GRPCError(Status.NOT_FOUND, f"No such file: {request.path}")
        size = path.stat().st_size
        url = f"{self.store_url}/get/{request.volume_id}/{request.path.lstrip('/')}"
        return api.VolumeGetFile2Response(get_urls=[url] if size else [], size=size, start=0, len=size)

    @unary
    async def VolumeRemoveFile2(self, request: api.VolumeRemoveFile2Request, metadata: Any) -> Any:
        path = self._volume(request.volume_id).inside(request.path)
        if not path.exists():
            raise GRPCError(Status.NOT_FOUND, f"No such file: {request.path}")
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
        return Empty()


def _entry(path: Path, root: Path) -> api.FileEntry:
    found = path.lstat()
    kinds = api.FileEntry
    kind = kinds.SYMLINK if path.is_symlink() else kinds.DIRECTORY if path.is_dir() else kinds.FILE
    return api.FileEntry(path=str(path.relative_to(root)), size=found.st_size, mtime=int(found.st_mtime), type=kind)

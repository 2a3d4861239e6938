"""The control plane's part for images, and for files that are laid into sandboxes."""

from __future__ import annotations

from typing import Any

from grpclib import GRPCError, Status
from modal_proto import api_pb2 as api

from tests.fakes.modal.rpc import streaming, unary
from tests.fakes.modal.world import Image, World, new_id

BUILT = api.ImageMetadata(image_builder_version="2025.06")


class Images:
    """Images are recorded; a build prints its commands, and `RUN exit N` fails it."""

    world: World

    @unary
    async def ImageGetOrCreate(self, request: api.ImageGetOrCreateRequest, metadata: Any) -> Any:
        image = self.world.image(request.image)
        if not image.is_built:
            return api.ImageGetOrCreateResponse(image_id=image.id)  # it is being built: the client joins
        return api.ImageGetOrCreateResponse(image_id=image.id, result=_result(image), metadata=BUILT)

    @streaming
    async def ImageJoinStreaming(self, request: api.ImageJoinStreamingRequest, metadata: Any) -> Any:
        image = self.world.images[request.image_id]
        for number, command in enumerate(image.commands):
            log = api.TaskLogs(data=f"=> {command}\n", file_descriptor=api.FILE_DESCRIPTOR_STDOUT)
            yield api.ImageJoinStreamingResponse(entry_id=str(number), task_logs=[log])
        image.is_built = True
        yield api.ImageJoinStreamingResponse(result=_result(image), eof=True, metadata=BUILT)

    @unary
    async def ImageFromId(self, request: api.ImageFromIdRequest, metadata: Any) -> Any:
        if request.image_id not in self.world.images:
            raise GRPCError(Status.NOT_FOUND, f"Image {request.image_id} not found")
        return api.ImageFromIdResponse(image_id=request.image_id)

    @unary
    async def MountBatchedCheckExistence(self, request: api.MountBatchedCheckExistenceRequest, metadata: Any) -> Any:
        missing = [digest for digest in request.sha256_hex_hashes if digest not in self.world.contents]
        return api.MountBatchedCheckExistenceResponse(missing_sha256_hex_hashes=missing)

    @unary
    async def MountPutFile(self, request: api.MountPutFileRequest, metadata: Any) -> Any:
        if request.WhichOneof("data_oneof") == "data":
            self.world.contents[request.sha256_hex] = request.data
        return api.MountPutFileResponse(exists=request.sha256_hex in self.world.contents)

    @unary
    async def MountGetOrCreate(self, request: api.MountGetOrCreateRequest, metadata: Any) -> Any:
        mount_id = new_id("mo")
        self.world.mounts[mount_id] = list(request.files)
        return api.MountGetOrCreateResponse(mount_id=mount_id, handle_metadata=api.MountHandleMetadata())


def _result(image: Image) -> api.GenericResult:
    if image.failure:
        failed = api.GenericResult.GENERIC_STATUS_FAILURE
        return api.GenericResult(status=failed, exception=f"build step failed: {image.failure}")
    return api.GenericResult(status=api.GenericResult.GENERIC_STATUS_SUCCESS)

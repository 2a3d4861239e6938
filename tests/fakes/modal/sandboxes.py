"""The control plane's part for sandboxes, in the second version that the client uses by itself."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

from google.protobuf.empty_pb2 import Empty
from grpclib import GRPCError, Status
from modal_proto import api_pb2 as api

from tests.fakes.modal.rpc import mint, unary
from tests.fakes.modal.sandbox import Sandbox
from tests.fakes.modal.world import World

PAGE = 100


class Sandboxes:
    """Making, finding, waiting for and ending sandboxes."""

    world: World
    router_url: str

    @unary
    async def SandboxCreateV2(self, request: api.SandboxCreateV2Request, metadata: Any) -> Any:
        tags = {tag.tag_name: tag.tag_value for tag in request.tags}
        made = await self.world.make_sandbox(request.app_id, request.definition, tags)
        access = api.CommandRouterAccess(url=self.router_url, jwt=mint(task_id=made.task_id))
        return api.SandboxCreateV2Response(
            sandbox_id=made.id, task_id=made.task_id, command_router_access=access, metadata=_metadata(made)
        )

    @unary
    async def SandboxGetTaskIdV2(self, request: api.SandboxGetTaskIdRequest, metadata: Any) -> Any:
        found = self.world.sandbox(request.sandbox_id)
        if found.result is not None:
            return api.SandboxGetTaskIdResponse(task_result=found.result)
        return api.SandboxGetTaskIdResponse(task_id=found.task_id)

    @unary
    async def SandboxGetCommandRouterAccess(
        self, request: api.SandboxGetCommandRouterAccessRequest, metadata: Any
    ) -> Any:
        found = self.world.sandbox(request.sandbox_id)
        if found.result is not None:
            raise GRPCError(Status.FAILED_PRECONDITION, "Sandbox is not running")
        return api.SandboxGetCommandRouterAccessResponse(url=self.router_url, jwt=mint(task_id=found.task_id))

    @unary
    async def SandboxWaitV2(self, request: api.SandboxWaitRequest, metadata: Any) -> Any:
        found = self.world.sandbox(request.sandbox_id)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(found.finished.wait(), request.timeout or 0.001)
        return api.SandboxWaitResponse(result=found.result, metadata=_metadata(found))

    @unary
    async def SandboxTerminateV2(self, request: api.SandboxTerminateRequest, metadata: Any) -> Any:
        found = self.world.sandbox(request.sandbox_id)
        before = found.result
        found.finish(api.GenericResult.GENERIC_STATUS_TERMINATED)
        return api.SandboxTerminateResponse(existing_result=before)

    @unary
    async def SandboxGetFromNameV2(self, request: api.SandboxGetFromNameRequest, metadata: Any) -> Any:
        app_id = self.world.apps.get(request.app_name, "")
        found = self.world.names.get((app_id, request.sandbox_name))
        if found is None or found.result is not None:
            raise GRPCError(Status.NOT_FOUND, f"Sandbox with name '{request.sandbox_name}' not found")
        return api.SandboxGetFromNameResponse(sandbox_id=found.id, metadata=_metadata(found))

    @unary
    async def SandboxGetFromName(self, request: api.SandboxGetFromNameRequest, metadata: Any) -> Any:
        raise GRPCError(Status.NOT_FOUND, "There are no sandboxes of the first version here")

    @unary
    async def SandboxListV2(self, request: api.SandboxListRequest, metadata: Any) -> Any:
        wanted = {tag.tag_name: tag.tag_value for tag in request.tags}.items()
        before = request.before_timestamp or float("inf")
        found = [
            sandbox
            for sandbox in self.world.sandboxes.values()
            if sandbox.app_id == request.app_id
            and sandbox.result is None
            and wanted <= sandbox.tags.items()
            and sandbox.created_at < before
        ]
        found.sort(key=lambda sandbox: -sandbox.created_at)
        return api.SandboxListResponse(sandboxes=[_info(sandbox) for sandbox in found[:PAGE]])

    @unary
    async def SandboxList(self, request: api.SandboxListRequest, metadata: Any) -> Any:
        return api.SandboxListResponse()

    @unary
    async def SandboxTagsGetV2(self, request: api.SandboxTagsGetRequest, metadata: Any) -> Any:
        return api.SandboxTagsGetResponse(tags=_tags(self.world.sandbox(request.sandbox_id)))

    @unary
    async def SandboxTagsSetV2(self, request: api.SandboxTagsSetRequest, metadata: Any) -> Any:
        self.world.sandbox(request.sandbox_id).tags = {tag.tag_name: tag.tag_value for tag in request.tags}
        return Empty()


def _metadata(sandbox: Sandbox) -> api.SandboxHandleMetadata:
    return api.SandboxHandleMetadata(app_id=sandbox.app_id, result=sandbox.result)


def _tags(sandbox: Sandbox) -> list[api.SandboxTag]:
    return [api.SandboxTag(tag_name=name, tag_value=value) for name, value in sandbox.tags.items()]


def _info(sandbox: Sandbox) -> api.SandboxInfo:
    return api.SandboxInfo(
        id=sandbox.id,
        created_at=sandbox.created_at,
        app_id=sandbox.app_id,
        name=sandbox.definition.name,
        image_id=sandbox.definition.image_id,
        task_info=api.TaskInfo(id=sandbox.task_id, started_at=sandbox.created_at),
        tags=_tags(sandbox),
        metadata=_metadata(sandbox),
    )

"""The task command router: runs commands in a sandbox. At Modal this service is on the worker's host."""

from __future__ import annotations

import asyncio
from typing import Any

from grpclib import GRPCError, Status
from modal_proto import task_command_router_pb2 as pb
from modal_proto.task_command_router_grpc import TaskCommandRouterBase

from tests.fakes.modal.execs import Exec
from tests.fakes.modal.rpc import Faults, check, streaming, unary
from tests.fakes.modal.sandbox import Sandbox
from tests.fakes.modal.world import World

MOST_ARGUMENT_BYTES = 65_536


class Router(TaskCommandRouterBase):
    """Execs and their streams, each call with the token of its own task."""

    def __init__(self, world: World, faults: Faults) -> None:
        self.world = world
        self.faults = faults

    def authorize(self, rpc: str, metadata: Any) -> None:
        check(_token(metadata))

    def _sandbox(self, task_id: str, metadata: Any) -> Sandbox:
        """A living sandbox: its worker forgets one that has ended."""
        if check(_token(metadata)).get("task_id") != task_id:
            raise GRPCError(Status.PERMISSION_DENIED, "the token is for another task")
        found = self.world.by_task(task_id)
        if found.result is not None:
            raise GRPCError(Status.NOT_FOUND, f"task {task_id} not found")
        return found

    def _exec(self, request: Any, metadata: Any) -> Exec:
        found = self._sandbox(request.task_id, metadata).execs.get(request.exec_id)
        if found is None:
            raise GRPCError(Status.NOT_FOUND, f"exec {request.exec_id} not found")
        return found

    @unary
    async def TaskExecStart(self, request: pb.TaskExecStartRequest, metadata: Any) -> Any:
        sandbox = self._sandbox(request.task_id, metadata)
        environment = {name: text for source in request.secret_sources for name, text in source.env.contents.items()}
        await sandbox.run(request.exec_id, list(request.command_args), environment)
        return pb.TaskExecStartResponse()

    @streaming
    async def TaskExecStdioRead(self, request: pb.TaskExecStdioReadRequest, metadata: Any) -> Any:
        run = self._exec(request, metadata)
        is_error = request.file_descriptor == pb.TASK_EXEC_STDIO_FILE_DESCRIPTOR_STDERR
        async for data in (run.err if is_error else run.out).read_from(request.offset):
            yield pb.TaskExecStdioReadResponse(data=data)

    @unary
    async def TaskExecStdinWrite(self, request: pb.TaskExecStdinWriteRequest, metadata: Any) -> Any:
        run = self._exec(request, metadata)
        try:
            await run.write(request.offset, request.data, is_last=request.eof)
        except BrokenPipeError as error:
            # The client looks at the exec as soon as it sees this, and takes "it still runs" for a fault of ours.
            await asyncio.wait({asyncio.ensure_future(run.exited.wait())}, timeout=1)
            raise GRPCError(Status.FAILED_PRECONDITION, str(error)) from error
        except ValueError as error:
            raise GRPCError(Status.OUT_OF_RANGE, str(error)) from error
        return pb.TaskExecStdinWriteResponse()

    @unary
    async def TaskExecPoll(self, request: pb.TaskExecPollRequest, metadata: Any) -> Any:
        return _exit(pb.TaskExecPollResponse, self._exec(request, metadata).returncode)

    @unary
    async def TaskExecWait(self, request: pb.TaskExecWaitRequest, metadata: Any) -> Any:
        run = self._exec(request, metadata)
        await run.exited.wait()
        return _exit(pb.TaskExecWaitResponse, run.returncode)

    @streaming
    async def SandboxStdioReadV2(self, request: pb.SandboxStdioReadV2Request, metadata: Any) -> Any:
        main = self.world.by_task(request.task_id).main  # can be read after the end, too
        if main is not None:
            offset = request.offset
            is_error = request.file_descriptor == pb.SANDBOX_STDIO_FILE_DESCRIPTOR_STDERR
            async for data in (main.err if is_error else main.out).read_from(offset):
                yield pb.SandboxStdioReadV2Response(data=data, starting_offset=offset)
                offset += len(data)


def _token(metadata: Any) -> str:
    return str(metadata.get("authorization", "")).removeprefix("Bearer ")


def _exit(response: Any, code: int | None) -> Any:
    if code is None:
        return response()
    return response(signal=-code) if code < 0 else response(code=code)

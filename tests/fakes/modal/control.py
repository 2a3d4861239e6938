"""The control plane: what the client asks of api.modal.com, put together from its parts."""

from __future__ import annotations

from typing import Any

from google.protobuf.empty_pb2 import Empty
from grpclib import GRPCError, Status
from modal_proto import api_pb2 as api
from modal_proto.api_grpc import ModalClientBase

from tests.fakes.modal.images import Images
from tests.fakes.modal.rpc import Faults, check, mint, unary
from tests.fakes.modal.sandboxes import Sandboxes
from tests.fakes.modal.volumes import Volumes
from tests.fakes.modal.world import World, new_id

TOKEN = ("ak-local", "as-local")


class Control(Images, Sandboxes, Volumes, ModalClientBase):
    """Knows one token; `router_url` and `store_url` are set once the ports are known."""

    def __init__(self, world: World, faults: Faults) -> None:
        self.world = world
        self.faults = faults
        self.router_url = self.store_url = ""

    def authorize(self, rpc: str, metadata: Any) -> None:
        if (metadata.get("x-modal-token-id"), metadata.get("x-modal-token-secret")) != TOKEN:
            raise GRPCError(Status.UNAUTHENTICATED, "Token ID or secret is wrong")
        if rpc.startswith("Sandbox") and rpc.endswith("V2"):
            check(metadata.get("x-modal-auth-token", ""))

    @unary
    async def ClientHello(self, request: Any, metadata: Any) -> Any:
        return api.ClientHelloResponse()

    @unary
    async def AuthTokenGet(self, request: Any, metadata: Any) -> Any:
        return api.AuthTokenGetResponse(token=mint())

    @unary
    async def AppGetOrCreate(self, request: api.AppGetOrCreateRequest, metadata: Any) -> Any:
        is_made = request.object_creation_type == api.OBJECT_CREATION_TYPE_CREATE_IF_MISSING
        if request.app_name not in self.world.apps and not is_made:
            raise GRPCError(Status.NOT_FOUND, f"App '{request.app_name}' not found")
        app_id = self.world.apps.setdefault(request.app_name, new_id("ap"))
        handle = api.AppHandleMetadata(app_id=app_id, description=request.app_name)
        return api.AppGetOrCreateResponse(app_id=app_id, handle_metadata=handle)

    @unary
    async def EnvironmentGetOrCreate(self, request: api.EnvironmentGetOrCreateRequest, metadata: Any) -> Any:
        settings = api.EnvironmentSettings(image_builder_version="2025.06")
        found = api.EnvironmentMetadata(name=request.deployment_name or "main", settings=settings)
        return api.EnvironmentGetOrCreateResponse(environment_id="en-local", metadata=found)

    @unary
    async def SecretGetOrCreate(self, request: api.SecretGetOrCreateRequest, metadata: Any) -> Any:
        name = request.deployment_name
        if name not in self.world.secrets and request.object_creation_type == api.OBJECT_CREATION_TYPE_UNSPECIFIED:
            raise GRPCError(Status.NOT_FOUND, f"Secret '{name}' not found")
        return api.SecretGetOrCreateResponse(secret_id=self.world.secrets.setdefault(name, new_id("st")))

    @unary
    async def VolumeHeartbeat(self, request: Any, metadata: Any) -> Any:
        return Empty()

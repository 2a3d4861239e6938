"""What both services share: handlers with faults and idempotency, tokens, a server that can lose its connections."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import grpclib.server
from grpclib import GRPCError, Status
from modal._utils.grpc_utils import custom_detail_codec

# Fixed: a client keeps its token over a restart of the server, and never asks for a new one because a call was refused.
KEY = b"local modal"
TTL_S = 1200.0

Unary = Callable[[Any, Any, Any], Awaitable[Any]]
Streaming = Callable[[Any, Any, Any], AsyncIterator[Any]]


def mint(**claims: Any) -> str:
    """A token as the client expects it; it reads `exp` and checks no signature."""
    body = f"{_text(b'{}')}.{_text(json.dumps({'exp': time.time() + TTL_S, **claims}).encode())}"
    return f"{body}.{_text(hmac.digest(KEY, body.encode(), 'sha256'))}"


def check(token: str) -> dict[str, Any]:
    """The claims of a token of ours. Raises: GRPCError."""
    body, _, signature = token.rpartition(".")
    if not hmac.compare_digest(signature, _text(hmac.digest(KEY, body.encode(), hashlib.sha256))):
        raise GRPCError(Status.UNAUTHENTICATED, "bad token")
    payload = body.split(".")[1]
    claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return claims


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


class Faults:
    """What the next calls of an RPC do instead of their work, or before it; and which calls came."""

    def __init__(self) -> None:
        self.plans: dict[str, list[dict[str, Any]]] = {}
        self.calls: list[str] = []
        self.begun: dict[str, asyncio.Task[Any]] = {}  # what was asked under an idempotency key

    async def apply(self, rpc: str) -> None:
        """Raises: GRPCError as planned."""
        if not self.plans.get(rpc):
            return
        plan = self.plans[rpc].pop(0)
        await asyncio.sleep(plan.get("delay_s", 0))
        if "status" in plan:
            raise GRPCError(Status[plan["status"]], "planned")


def unary(work: Unary) -> Any:
    """A handler for one request and one answer.

    What was begun goes on, whether or not the client waits for it. A call that is repeated under its idempotency key
    gets the answer of the first, also while that one is under way: a plan for `<rpc>:answered` loses an answer.
    """
    rpc = work.__name__

    async def handler(self: Any, stream: Any) -> None:
        request = await stream.recv_message()
        self.faults.calls.append(rpc)
        self.authorize(rpc, stream.metadata)
        await self.faults.apply(rpc)
        key = stream.metadata.get("x-idempotency-key", "")
        begun = self.faults.begun.get(key)
        working = begun or asyncio.ensure_future(work(self, request, stream.metadata))
        if key and begun is None:
            self.faults.begun[key] = working
        try:
            answer = await asyncio.shield(working)
        except GRPCError:
            self.faults.begun.pop(key, None)  # nothing was done
            raise
        if begun is None:
            await self.faults.apply(f"{rpc}:answered")
        await stream.send_message(answer)

    return handler


def streaming(work: Streaming) -> Any:
    """A handler for one request and many answers."""
    rpc = work.__name__

    async def handler(self: Any, stream: Any) -> None:
        request = await stream.recv_message()
        self.faults.calls.append(rpc)
        self.authorize(rpc, stream.metadata)
        await self.faults.apply(rpc)
        async for answer in work(self, request, stream.metadata):
            await stream.send_message(answer)

    return handler


def complete(service: Any) -> Any:
    """The class, with a handler for every RPC that it leaves out which says so by name."""
    for rpc in set(service.__abstractmethods__):
        setattr(service, rpc, _missing(rpc))
    service.__abstractmethods__ = frozenset()
    return service


def _missing(rpc: str) -> Any:
    async def handler(self: Any, stream: Any) -> None:
        await stream.recv_message()
        self.faults.calls.append(rpc)
        raise GRPCError(Status.UNIMPLEMENTED, f"the local Modal does not know {rpc}")

    return handler


class Server(grpclib.server.Server):
    """A server on a fixed port that can drop its connections, stop listening, and come back."""

    def __init__(self, service: Any) -> None:
        super().__init__([service], status_details_codec=custom_detail_codec)
        self.port = 0
        self._protocols: list[Any] = []

    def _protocol_factory(self) -> Any:
        protocol = super()._protocol_factory()
        self._protocols.append(protocol)
        return protocol

    async def up(self) -> None:
        self._server = None
        await self.start("127.0.0.1", self.port, reuse_address=True)
        server: Any = self._server
        self.port = server.sockets[0].getsockname()[1]

    def drop(self) -> None:
        """Abort every connection as a broken network does, without a goodbye."""
        for protocol in self._protocols:
            transport = getattr(getattr(protocol, "connection", None), "_transport", None)
            if transport is not None:
                transport.abort()
        self._protocols.clear()

    def down(self) -> None:
        if self._server is not None:
            self._server.close()
        self.drop()

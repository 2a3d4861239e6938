"""The model gateway, a bare ASGI application: a call in, the vendor's answer streamed out, a row in the ledger."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import structlog
from asgiref.sync import ThreadSensitiveContext
from channels.db import database_sync_to_async
from django.utils import timezone

from gateway import calls, catalog, ledger, refusals, upstream
from gateway.calls import Call
from gateway.catalog import Tokens
from gateway.keys import Key
from gateway.ledger import Caller
from gateway.metering import Blind, Meter, meter_for
from gateway.refusals import Refused
from gateway.upstream import Answer
from runtime import metrics, tracing

Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
T = TypeVar("T")

CALLS_MAX = 48  # of one session at once in this process; the CLI counts tokens in bursts of 25
HELD_MAX_BYTES = 3 * calls.BODY_MAX_BYTES  # of all bodies of one session, which stay in memory while they are answered

_PARSE_INLINE_BYTES = 256 * 2**10  # longer bodies are parsed off the event loop

logger = structlog.get_logger(__name__)
_under_way: Counter[uuid.UUID] = Counter()
_held_bytes: Counter[uuid.UUID] = Counter()


class ClientLeft(Exception):
    """Whoever asked has hung up."""


async def application(scope: Message, receive: Receive, send: Send) -> None:
    """Serve one request, from a TCP or a unix socket: nothing of the connection is trusted."""
    if scope["type"] != "http":
        raise ValueError(f"the gateway does not speak {scope['type']}")
    structlog.contextvars.clear_contextvars()  # a connection may carry calls of one after another
    if calls.is_probe(scope["method"], scope["path"]):
        await _send_whole(send, 200, [], b"")
        return
    has_begun = False

    async def sending(message: Message) -> None:
        nonlocal has_begun
        has_begun = True
        await send(message)

    try:
        await _serve(scope, receive, sending)
    except Refused as refusal:
        metrics.MODEL_REFUSED.labels(str(refusal.status)).inc()
        logger.info("model_call_refused", status=refusal.status, reason=refusal.message)
        await _send_refusal(send, refusal)
    except ClientLeft:
        return
    except Exception as error:
        metrics.MODEL_ERRORS.labels(type(error).__name__).inc()
        if has_begun:
            raise  # the server cuts the connection
        logger.exception("model_call_failed")
        await _send_refusal(send, refusals.failed())


async def _serve(scope: Message, receive: Receive, send: Send) -> None:
    path = calls.path_of(scope["method"], scope["path"])
    token = calls.token_of(scope["headers"])
    caller = await _in_database(ledger.authenticate, token, now=timezone.now())
    structlog.contextvars.bind_contextvars(
        organization_id=str(caller.organization_id), session_id=str(caller.subject_id)
    )
    calls.check_headers(scope["headers"])
    if _under_way[caller.subject_id] >= CALLS_MAX:
        raise refusals.too_many_calls()
    _under_way[caller.subject_id] += 1
    try:
        async with _body(receive, caller.subject_id) as body:
            call = await _read_call(path, scope["query_string"], scope["headers"], body)
            await (_run_free if call.is_free else _run_metered)(caller, call, receive, send)
    finally:
        _under_way[caller.subject_id] -= 1
        if not _under_way[caller.subject_id]:
            del _under_way[caller.subject_id]


async def _run_free(caller: Caller, call: Call, receive: Receive, send: Send) -> None:
    """Counting tokens costs nothing and leaves no row."""
    key = await _in_database(ledger.key_for, caller, timezone.now())
    await _unless_client_leaves(Exchange(call, key, send).run(), receive)


async def _run_metered(caller: Caller, call: Call, receive: Receive, send: Send) -> None:
    admission = await _in_database(ledger.admit, caller, model=call.model, estimate=call.estimate, now=timezone.now())
    exchange = Exchange(call, admission.key, send)
    began = time.monotonic()
    try:
        with tracing.span("model call", model=call.model, session_id=str(caller.subject_id)):
            await _unless_client_leaves(exchange.run(), receive)
    finally:
        # Shielded: a server that stops must not lose the row.
        await asyncio.shield(asyncio.ensure_future(_close_entry(admission.entry_id, caller, call, exchange)))
        _count(call, exchange, is_practice=not admission.key, seconds=time.monotonic() - began)


async def _close_entry(entry_id: uuid.UUID, caller: Caller, call: Call, exchange: Exchange) -> None:
    tokens = exchange.tokens
    await _in_database(
        ledger.close,
        entry_id,
        status=exchange.status,
        request_id=exchange.request_id,
        tokens=tokens,
        is_complete=exchange.is_complete,
        now=timezone.now(),
    )
    logger.info(
        "model_call",
        organization_id=str(caller.organization_id),
        session_id=str(caller.subject_id),
        model=call.model,
        status=exchange.status,
        input_tokens=tokens.prompt if tokens else None,
        output_tokens=tokens.output if tokens else None,
    )


def _count(call: Call, exchange: Exchange, *, is_practice: bool, seconds: float) -> None:
    model = "practice" if is_practice else catalog.listed_name(call.model)
    tokens = exchange.tokens or Tokens()
    metrics.MODEL_CALLS.labels(model, str(exchange.status)).inc()
    metrics.MODEL_SECONDS.labels(model).observe(seconds)
    kinds = {"input": tokens.input, "output": tokens.output}
    for kind, count in (kinds | {"cache_read": tokens.cache_read, "cache_write": tokens.cache_write}).items():
        metrics.MODEL_TOKENS.labels(model, kind).inc(max(0, count))
    if not is_practice:
        metrics.MODEL_USD.labels(model).inc(max(0.0, float(catalog.cost_usd(call.model, tokens))))


class Exchange:
    """One question to the vendor and its answer on the way to the client, with what was seen of it."""

    def __init__(self, call: Call, key: Key | None, send: Send) -> None:
        self.status = 0
        self.request_id = ""
        self._call = call
        self._key = key
        self._send = send
        self._meter: Meter = Blind()

    @property
    def tokens(self) -> Tokens | None:
        """What is to be paid; None when an answer was begun, or asked for, and said nothing."""
        return Tokens() if self.status >= 300 else self._meter.tokens

    @property
    def is_complete(self) -> bool:
        return self.status >= 300 or self._meter.is_complete

    async def run(self) -> None:
        """Ask, and pass the answer on byte for byte.

        Raises: Refused (nothing was sent yet); AnswerCut (the answer broke off).
        """
        try:
            async with upstream.ask(self._call, key=self._key) as answer:
                await self._pass_on(answer)
        except Refused as refusal:
            self.status = refusal.status
            raise

    async def _pass_on(self, answer: Answer) -> None:
        self.status = answer.status
        self.request_id = answer.header("request-id")
        self._meter = meter_for(answer.header("content-type"), answer.header("content-encoding"))
        headers = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in answer.headers]
        await self._send({"type": "http.response.start", "status": answer.status, "headers": headers})
        async for chunk in answer.body:
            self._meter.feed(chunk)
            await self._send({"type": "http.response.body", "body": chunk, "more_body": True})
        self._meter.close()
        await self._send({"type": "http.response.body", "body": b"", "more_body": False})


async def _unless_client_leaves(work: Coroutine[Any, Any, None], receive: Receive) -> None:
    """Do the work, and drop it at once when the client hangs up.

    Raises: ClientLeft, and what the work raises.
    """
    task, left = asyncio.ensure_future(work), asyncio.ensure_future(_disconnected(receive))
    try:
        await asyncio.wait({task, left}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise ClientLeft
        task.result()
    finally:
        task.cancel()
        left.cancel()
        await asyncio.gather(task, left, return_exceptions=True)


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


@asynccontextmanager
async def _body(receive: Receive, subject_id: uuid.UUID) -> AsyncIterator[bytes]:
    """The request's body, counted as held by the session until the block ends."""
    chunks: list[bytes] = []
    size = 0
    try:
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise ClientLeft
            chunks.append(message.get("body", b""))
            size += len(chunks[-1])
            _held_bytes[subject_id] += len(chunks[-1])
            if size > calls.BODY_MAX_BYTES:
                raise refusals.too_large(calls.BODY_MAX_BYTES)
            if _held_bytes[subject_id] > HELD_MAX_BYTES:
                raise refusals.too_many_calls()
            if not message.get("more_body", False):
                break
        body = b"".join(chunks)
        chunks.clear()
        yield body
    finally:
        _held_bytes[subject_id] -= size
        if not _held_bytes[subject_id]:
            del _held_bytes[subject_id]


async def _read_call(path: str, query: bytes, headers: list[tuple[bytes, bytes]], body: bytes) -> Call:
    if len(body) < _PARSE_INLINE_BYTES:
        return calls.read_call(path, query, headers, body)
    return await asyncio.to_thread(calls.read_call, path, query, headers, body)


async def _send_refusal(send: Send, refusal: Refused) -> None:
    headers = [(name.encode(), value.encode()) for name, value in refusal.headers]
    await _send_whole(send, refusal.status, [(b"content-type", b"application/json"), *headers], refusal.body())


async def _send_whole(send: Send, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
    headers = [*headers, (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _in_database(work: Callable[..., T], *args: Any, **kwargs: Any) -> T:
    """Run ORM code in a thread of its own for this moment: a stream holds neither thread nor connection."""
    async with ThreadSensitiveContext():
        result: T = await database_sync_to_async(work)(*args, **kwargs)
        return result

"""The way to the vendor: one HTTP client per event loop, answers handed on as they come."""

from __future__ import annotations

import asyncio
import io
import json
import weakref
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import aiohttp
from django.conf import settings

from gateway import practice, refusals
from gateway.calls import COUNT_TOKENS, Call
from gateway.keys import Key

_READ_BUFFER_BYTES = 64 * 2**10
_TIMEOUT = aiohttp.ClientTimeout(total=None, sock_connect=10, sock_read=900)
# Of one connection only, or about our account; the rest of the vendor's answer is passed on unchanged.
_HEADERS_KEPT = {
    "anthropic-organization-id", "connection", "date", "keep-alive", "proxy-authenticate", "server", "set-cookie",
    "te", "trailer", "transfer-encoding", "upgrade",
}  # fmt: skip

_sessions: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, aiohttp.ClientSession] = weakref.WeakKeyDictionary()


class AnswerCut(Exception):
    """The answer broke off; the client's connection must break off too, else it would look whole."""


@dataclass(frozen=True)
class Answer:
    """An answer whose body is still to come; iterating raises AnswerCut when it breaks off."""

    status: int
    headers: list[tuple[str, str]]
    body: AsyncIterator[bytes]

    def header(self, name: str) -> str:
        return next((value for key, value in self.headers if key.lower() == name), "")


@asynccontextmanager
async def ask(call: Call, *, key: Key | None) -> AsyncIterator[Answer]:
    """Make the call with the key, or ask the practice model when there is none; leaving the block hangs up.

    Raises: Refused (502: nobody there, or a redirect).
    """
    if key is None:
        yield await _practice(call)
        return
    url = settings.ANTHROPIC_BASE_URL + call.path + call.query
    plain = call.headers | {"accept-encoding": "identity", "content-type": "application/json"}
    try:
        response = await _session().post(
            url, data=io.BytesIO(call.body), headers=key.put_into(plain), allow_redirects=False
        )
    except (aiohttp.ClientError, TimeoutError) as error:
        raise refusals.unreachable() from error
    try:
        if 300 <= response.status < 400:
            raise refusals.bad_answer()
        kept = [(name, value) for name, value in response.headers.items() if name.lower() not in _HEADERS_KEPT]
        yield Answer(response.status, kept, _chunks(response))
    finally:
        response.close()  # no effect once the body has been read to its end


async def close() -> None:
    """Close this loop's client; the server calls it when it stops."""
    session = _sessions.pop(asyncio.get_running_loop(), None)
    if session is not None:
        await session.close()


def _session() -> aiohttp.ClientSession:
    loop = asyncio.get_running_loop()
    session = _sessions.get(loop)
    if session is None:
        session = _sessions[loop] = aiohttp.ClientSession(
            timeout=_TIMEOUT,
            connector=aiohttp.TCPConnector(limit=0),
            cookie_jar=aiohttp.DummyCookieJar(),  # one client serves all tenants
            auto_decompress=False,
            read_bufsize=_READ_BUFFER_BYTES,
        )
    return session


async def _chunks(response: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    """The body in the pieces it comes in; reading pauses the vendor when nobody takes them."""
    try:
        async for chunk in response.content.iter_any():
            yield chunk
    except (aiohttp.ClientError, TimeoutError) as error:
        raise AnswerCut from error


async def _practice(call: Call) -> Answer:
    if call.path == COUNT_TOKENS:
        return _json_answer(200, {}, {"input_tokens": practice.count(call.parsed)})
    reply = await practice.respond(call.parsed, scripts=settings.PRACTICE_SCRIPTS)
    if reply.stream is None:
        return _json_answer(reply.status, reply.headers, reply.body)
    return Answer(reply.status, list(reply.headers.items()), _practice_chunks(reply.stream))


def _json_answer(status: int, headers: dict[str, str], body: object) -> Answer:
    data = json.dumps(body).encode()
    return Answer(status, list(({"content-type": "application/json"} | headers).items()), _once(data))


async def _once(data: bytes) -> AsyncIterator[bytes]:
    yield data


async def _practice_chunks(stream: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    try:
        async for chunk in stream:
            yield chunk
    except practice.StreamDropped as error:
        raise AnswerCut from error

"""The gateway behind the real server, over real sockets."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiohttp import web
from asgiref.sync import sync_to_async

from gateway.models import UsageEntry
from tests.gateway import vendor
from tests.gateway.conftest import DEPLOYMENT_KEY
from tests.gateway.driver import MESSAGES, question
from tests.gateway.served import Served, serving

pytestmark = pytest.mark.django_db(transaction=True)

PIECE = vendor.event("content_block_delta", delta={"type": "text_delta", "text": "x" * 60_000})
FLOOD = 2000  # pieces: 120 MB


def variables(world: vendor.Vendor) -> dict[str, str]:
    return {"SLIPWAY_ANTHROPIC_BASE_URL": world.url, "SLIPWAY_ANTHROPIC_API_KEY": DEPLOYMENT_KEY}


@sync_to_async
def closed_entries() -> int:
    return UsageEntry.objects.filter(finished_at__isnull=False).count()


async def until_closed(count: int) -> None:
    for _ in range(100):
        if await closed_entries() == count:
            return
        await asyncio.sleep(0.05)
    pytest.fail("a call's row was not closed")


def client(served: Served, token: str, *, on_socket: bool = False) -> aiohttp.ClientSession:
    connector = aiohttp.UnixConnector(str(served.socket)) if on_socket else aiohttp.TCPConnector()
    return aiohttp.ClientSession(connector=connector, headers={"x-api-key": token})


@asynccontextmanager
async def streaming(
    answer: vendor.Answer, token: str, *, on_socket: bool = False
) -> AsyncIterator[tuple[vendor.Vendor, Served, aiohttp.ClientResponse]]:
    """A vendor, the server and one streamed answer that has begun."""
    async with vendor.running(answer) as world, serving(**variables(world)) as served:
        base = "http://api.local" if on_socket else served.url
        async with (
            client(served, token, on_socket=on_socket) as http,
            http.post(base + MESSAGES, json=question(stream=True)) as answer_,
        ):
            yield world, served, answer_


class TestServedGateway:
    async def test_answers_on_tcp_and_on_the_unix_socket(self, token: str) -> None:
        async with vendor.running(vendor.streamed) as world, serving(**variables(world)) as served:
            for on_socket, base in ((False, served.url), (True, "http://api.local")):
                async with client(served, token, on_socket=on_socket) as http:
                    async with http.head(base + "/") as answer:
                        assert answer.status == 200
                    async with http.post(base + MESSAGES + "?beta=true", json=question(stream=True)) as answer:
                        assert answer.status == 200
                        assert await answer.read() == vendor.START + vendor.DELTA + vendor.END
                    async with http.get(base + "/api/health") as answer:
                        assert answer.status == 404
            assert [seen.headers["x-api-key"] for seen in world.seen] == [DEPLOYMENT_KEY] * 2
            await until_closed(2)

    async def test_streams_and_leaves_the_vendor_when_the_client_leaves(self, token: str) -> None:
        async def endless(request: web.Request) -> web.StreamResponse:
            response = await vendor.stream_of(request, vendor.START)
            await asyncio.sleep(60)
            return response

        async with streaming(endless, token, on_socket=True) as (world, _, answer):
            assert await answer.content.readany() == vendor.START
            assert not world.hung_up.is_set()
            answer.close()

            await asyncio.wait_for(world.hung_up.wait(), 2)
            await until_closed(1)

    async def test_holds_the_vendor_back_for_a_slow_client_in_flat_memory(self, token: str) -> None:
        written = 0

        async def flood(request: web.Request) -> web.StreamResponse:
            nonlocal written
            response = await vendor.stream_of(request, vendor.START)
            for _ in range(FLOOD):
                await response.write(PIECE)
                written += len(PIECE)
            return response

        async with streaming(flood, token) as (_, served, answer):
            before = served.rss_bytes
            await asyncio.sleep(1.5)
            held_at = written
            await asyncio.sleep(0.5)

            assert held_at == written < 30_000_000
            assert served.rss_bytes - before < 8 * 2**20

            total = 0
            async for chunk in answer.content.iter_any():
                total += len(chunk)
            assert total == len(vendor.START) + FLOOD * len(PIECE)
            assert served.rss_bytes - before < 16 * 2**20

    async def test_cuts_the_clients_connection_when_the_vendor_breaks_off(self, token: str) -> None:
        async def cut(request: web.Request) -> web.StreamResponse:
            response = await vendor.stream_of(request, vendor.START)
            assert request.transport is not None
            request.transport.close()
            return response

        async with streaming(cut, token) as (_, _, answer):
            with pytest.raises(aiohttp.ClientPayloadError):
                await asyncio.wait_for(answer.read(), 5)
            await until_closed(1)

    async def test_closes_the_rows_of_streams_that_a_stop_ends(self, token: str) -> None:
        async def endless(request: web.Request) -> web.StreamResponse:
            response = await vendor.stream_of(request, vendor.START)
            await asyncio.sleep(60)
            return response

        async with streaming(endless, token) as (_, served, answer):
            await answer.content.readany()
            served.process.send_signal(signal.SIGTERM)
            assert await asyncio.wait_for(served.process.wait(), 15) == 0

        assert await closed_entries() == 1

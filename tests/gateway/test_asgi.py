"""The streaming proxy, driven as a server would drive it, against a vendor over real HTTP."""

from __future__ import annotations

import asyncio
import datetime as dt
import gzip
import json
import uuid
from decimal import Decimal
from typing import Any

import pytest
from aiohttp import web
from asgiref.sync import sync_to_async
from django.utils import timezone
from pytest_django.fixtures import Settings

from accounts.models import Organization, User
from gateway import asgi, calls, keys, services
from gateway.models import Budget, PlaceKey, UsageEntry
from gateway.upstream import AnswerCut
from runtime import metrics
from tests.gateway import driver, vendor
from tests.gateway.conftest import DEPLOYMENT_KEY, SUBJECT
from tests.gateway.driver import Exchange, question

OWN_KEY = "sk-ant-organisation-canary-0002"
INTRUDER = "sk-ant-attacker-canary-0003"

# 100 input, 20 output, 400 + 100 written, 3000 read, one search; Sonnet 5.5 costs 2, 10, 2.5, 4 and 0.1 a million.
COST = Decimal("0.01") + Decimal(100 * 2 + 20 * 10 + 3000) / 1_000_000 - Decimal(3000 - 300) / 1_000_000
COST += (400 * Decimal("2.5") + 100 * 4) / 1_000_000


@sync_to_async
def entries() -> list[UsageEntry]:
    return list(UsageEntry.objects.order_by("created_at"))


async def only_entry() -> UsageEntry:
    (entry,) = await entries()
    return entry


def refusal_of(exchange: Exchange) -> tuple[int, str]:
    """Status and kind of an answer that must have the vendor's error form."""
    assert exchange.has_ended()
    assert exchange.json["type"] == "error"
    assert exchange.json["error"]["message"]
    return exchange.status, exchange.json["error"]["type"]


def linking(block: object) -> bytes:
    return json.dumps(question(messages=[{"role": "user", "content": [block]}])).encode()


class TestCredentials:
    async def test_the_key_of_the_deployment_replaces_all_that_the_client_sent(
        self, settings: Settings, deployment_key: str, token: str
    ) -> None:
        async with vendor.running() as world:
            settings.ANTHROPIC_BASE_URL = world.url
            smuggled = {
                "authorization": f"Bearer {INTRUDER}",
                "proxy-authorization": INTRUDER,
                "cookie": f"key={INTRUDER}",
                "anthropic-api-key": INTRUDER,
                "x-forwarded-for": INTRUDER,
                "anthropic-beta": "one",
                "anthropic-version": "2023-06-01",
                "user-agent": "claude-cli/2.1.329 (external, sdk-cli)",
                "x-app": "cli",
                "accept-encoding": "br",
            }

            exchange = await driver.call(token, question(), headers=smuggled)

            assert exchange.status == 200
            (seen,) = world.seen
            assert seen.path == "/v1/messages?beta=true"
            assert seen.headers["x-api-key"] == DEPLOYMENT_KEY
            assert seen.headers["accept-encoding"] == "identity"
            assert {name: seen.headers[name] for name in ("anthropic-beta", "anthropic-version", "x-app")} == {
                "anthropic-beta": "one",
                "anthropic-version": "2023-06-01",
                "x-app": "cli",
            }
            assert INTRUDER not in str(seen)
            assert token not in str(seen)
            assert seen.body == json.dumps(question()).encode()

    async def test_the_key_of_the_organisation_goes_before_the_deployments(
        self, settings: Settings, deployment_key: str, organization: Organization, token: str
    ) -> None:
        await sync_to_async(services.set_provider_key)(organization_id=organization.pk, key=OWN_KEY, now=timezone.now())
        async with vendor.running() as world:
            settings.ANTHROPIC_BASE_URL = world.url

            await driver.call(token, question())

            assert world.seen[0].headers["x-api-key"] == OWN_KEY

    @pytest.mark.parametrize("credential", ["sk-ant-api03-of-the-place-0004", "sk-ant-oat01-of-the-place-0005"])
    async def test_the_credential_of_the_place_goes_before_the_organisations_and_is_metered(
        self, settings: Settings, organization: Organization, credential: str
    ) -> None:
        place_id = uuid.uuid4()
        about: dict[str, Any] = {"organization_id": organization.pk, "place_id": place_id, "now": timezone.now()}
        await sync_to_async(services.set_provider_key)(organization_id=organization.pk, key=OWN_KEY, now=timezone.now())
        await sync_to_async(keys.set_place_key)(**about, text=credential)
        there = await sync_to_async(services.issue_token)(**about, subject_id=SUBJECT)
        elsewhere = await sync_to_async(services.issue_token)(**about | {"place_id": uuid.uuid4()}, subject_id=SUBJECT)
        async with vendor.running() as world:
            settings.ANTHROPIC_BASE_URL = world.url
            for path in (driver.MESSAGES, f"{driver.MESSAGES}/count_tokens"):
                await driver.call(there, question(), path=path, headers={"anthropic-beta": "one"})
            await driver.call(elsewhere, question())
            await sync_to_async(keys.delete_place_key)(place_id=place_id)
            await driver.call(there, question())

        first, counted, other, after = ({**seen.headers} for seen in world.seen)
        for headers in (first, counted):
            is_token = "oat01" in credential
            assert headers.get("authorization") == (f"Bearer {credential}" if is_token else None)
            assert headers.get("x-api-key") == (None if is_token else credential)
            assert headers["anthropic-beta"] == ("one,oauth-2025-04-20" if is_token else "one")
        assert other["x-api-key"] == after["x-api-key"] == OWN_KEY
        assert [(entry.cost_usd, entry.is_practice) for entry in await entries()] == [(COST, False)] * 3

    async def test_a_credential_that_has_run_out_is_told_at_once(
        self, settings: Settings, deployment_key: str, organization: Organization
    ) -> None:
        about: dict[str, Any] = {"organization_id": organization.pk, "place_id": uuid.uuid4(), "now": timezone.now()}
        await sync_to_async(keys.set_place_key)(**about, text="sk-ant-oat01-of-the-place-0005")
        await PlaceKey.objects.aupdate(expires_at=timezone.now())
        token = await sync_to_async(services.issue_token)(**about, subject_id=SUBJECT)
        async with vendor.running() as world:
            settings.ANTHROPIC_BASE_URL = world.url

            exchange = await driver.call(token, question())

        assert refusal_of(exchange) == (400, "invalid_request_error")
        assert "has run out" in exchange.json["error"]["message"]
        assert (world.seen, await entries()) == ([], [])

    async def test_takes_the_token_as_a_bearer_too(self, settings: Settings, deployment_key: str, token: str) -> None:
        async with vendor.running() as world:
            settings.ANTHROPIC_BASE_URL = world.url

            exchange = await driver.call("", question(), headers={"authorization": f"Bearer {token}"})

            assert exchange.status == 200

    async def test_no_key_and_no_token_appear_in_answers_or_logs(
        self, settings: Settings, deployment_key: str, token: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        async with vendor.running() as world:
            settings.ANTHROPIC_BASE_URL = world.url
            told = []
            for answer in (vendor.whole, vendor.streamed, vendor.failing(401, "authentication_error")):
                world.answer = answer
                exchange = await driver.call(token, question())
                told.append(str(exchange.headers) + exchange.body.decode())
            settings.ANTHROPIC_BASE_URL = "http://127.0.0.1:9"
            exchange = await driver.call(token, question())
            told.append(exchange.body.decode())

        told.append(caplog.text)
        assert "model_call" in told[-1]
        assert DEPLOYMENT_KEY not in "".join(told)
        assert token not in "".join(told)

    async def test_a_key_that_cannot_be_decrypted_is_not_replaced_by_the_deployments(
        self, settings: Settings, deployment_key: str, organization: Organization, token: str
    ) -> None:
        settings.ENCRYPTION_KEYS = ["old-" * 10]
        await sync_to_async(services.set_provider_key)(organization_id=organization.pk, key=OWN_KEY, now=timezone.now())
        settings.ENCRYPTION_KEYS = ["new-" * 10]
        async with vendor.running() as world:
            settings.ANTHROPIC_BASE_URL = world.url

            exchange = await driver.call(token, question())

            assert refusal_of(exchange) == (500, "api_error")
            assert exchange.headers["x-should-retry"] == "false"
            assert world.seen == []
            assert await entries() == []


class TestTokens:
    @pytest.mark.parametrize("text", ["", "slpg_", "slpg_" + "x" * 43, INTRUDER, "slpg_\xff"])
    async def test_an_unknown_one_is_a_401_in_the_vendors_form(
        self, deployment_key: str, organization: Organization, text: str
    ) -> None:
        exchange = await driver.call(text, question())

        assert refusal_of(exchange) == (401, "authentication_error")
        assert exchange.headers["x-should-retry"] == "false"

    async def test_a_revoked_one_is_refused_at_once(self, deployment_key: str, token: str) -> None:
        await sync_to_async(services.revoke_tokens)(subject_id=SUBJECT, now=timezone.now())

        assert refusal_of(await driver.call(token, question()))[0] == 401

    async def test_an_expired_one_is_refused(self, deployment_key: str, organization: Organization) -> None:
        past = timezone.now() - dt.timedelta(hours=1, seconds=1)
        old = await sync_to_async(services.issue_token)(organization_id=organization.pk, subject_id=SUBJECT, now=past)

        exchange = await driver.call(old, question())

        assert refusal_of(exchange)[0] == 401
        assert "x-should-retry" not in exchange.headers, "it may be extended any moment"

    async def test_a_suspended_organisation_is_refused(
        self, deployment_key: str, organization: Organization, token: str
    ) -> None:
        organization.suspended_at = timezone.now()
        await sync_to_async(organization.save)()

        assert refusal_of(await driver.call(token, question()))[0] == 401

    async def test_a_call_is_charged_to_the_tokens_own_organisation(
        self, settings: Settings, deployment_key: str, token: str, charlie: User
    ) -> None:
        async with vendor.running() as world:
            settings.ANTHROPIC_BASE_URL = world.url
            await driver.call(token, question())

        entry = await only_entry()
        assert entry.subject_id == SUBJECT
        theirs = await sync_to_async(charlie.organizations.get)()
        assert (await sync_to_async(services.month_usage)(theirs.pk, timezone.now())).calls == 0


class TestPaths:
    @pytest.mark.parametrize(
        ("method", "path"),
        [
            ("POST", "/gateway/anthropic/v1/files"),
            ("POST", "/gateway/anthropic/v1/messages/batches"),
            ("POST", "/gateway/anthropic/v1/messages/"),
            ("POST", "/gateway/anthropic/v1/messages/../files"),
            ("POST", "/gateway/anthropic//v1/messages"),
            ("GET", "/gateway/anthropic/v1/messages"),
            ("DELETE", "/gateway/anthropic/v1/messages"),
            ("POST", "/v1/messages"),
            ("POST", "/"),
            ("GET", "/api/health"),
        ],
    )
    async def test_anything_but_messages_is_refused(
        self, settings: Settings, deployment_key: str, token: str, method: str, path: str
    ) -> None:
        async with vendor.running() as world:
            settings.ANTHROPIC_BASE_URL = world.url

            exchange = await driver.call(token, question(), method=method, path=path)

            assert refusal_of(exchange) == (404, "not_found_error")
            assert world.seen == []

    async def test_counting_tokens_is_passed_on_and_leaves_no_row(
        self, settings: Settings, deployment_key: str, token: str
    ) -> None:
        async with vendor.running() as world:
            settings.ANTHROPIC_BASE_URL = world.url

            exchange = await driver.call(token, question(), path=driver.MESSAGES + "/count_tokens", query="")

            assert exchange.status == 200
            assert world.seen[0].path == "/v1/messages/count_tokens"
            assert await entries() == []

    @pytest.mark.parametrize("path", ["/", "/gateway/anthropic", "/gateway/anthropic/"])
    async def test_the_probe_of_older_clis_is_answered_without_a_token(self, path: str) -> None:
        exchange = await driver.call("", b"", method="HEAD", path=path)

        assert (exchange.status, exchange.body) == (200, b"")

    async def test_only_the_known_query_is_passed_on(self, settings: Settings, deployment_key: str, token: str) -> None:
        async with vendor.running() as world:
            settings.ANTHROPIC_BASE_URL = world.url

            await driver.call(token, question(), query="beta=true&to=http://evil.test&x=%0d%0a")

            assert world.seen[0].path == "/v1/messages?beta=true"


class TestRequests:
    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"{",
            b"[]",
            b"null",
            b"\xff\xfe{}",
            b'{"model": 7}',
            b'{"model": ""}',
            b"{}",
            b"[" * 200_000,
            json.dumps(question()).encode("utf-16"),
            b'{"model": "claude-sonnet-5-5", "messages": [], "mod\\u0065l": "claude-opus-5-5"}',
            json.dumps(question(mcp_servers=[{"type": "url", "url": "https://evil.test"}])).encode(),
            json.dumps(question(container="container_1")).encode(),
            json.dumps(question(speed="fast")).encode(),
            json.dumps(question(tools=[{"type": "web_fetch_20250910", "name": "web_fetch"}])).encode(),
            json.dumps(question(tools=[{"type": "mcp_toolset", "mcp_server_name": "x"}])).encode(),
            linking({"type": "image", "source": {"type": "url", "url": "https://evil.test/?secret"}}),
            linking({"type": "document", "source": {"type": "file", "file_id": "file_1"}}),
            linking({"type": "tool_result", "content": [{"type": "image", "source": {"type": "url", "url": "x"}}]}),
            b'{"model": "claude-sonnet-5-5", "n": ' + b"9" * 5000 + b"}",
        ],
    )
    async def test_a_bad_one_is_a_400_and_changes_nothing(
        self, settings: Settings, deployment_key: str, token: str, body: bytes
    ) -> None:
        async with vendor.running() as world:
            settings.ANTHROPIC_BASE_URL = world.url

            exchange = await driver.call(token, body)

            assert refusal_of(exchange) == (400, "invalid_request_error")
            assert world.seen == []
            assert await entries() == []

    @pytest.mark.parametrize("name", ["claude-nope-9", "gpt-5", "claude-fable-5-2", "claude-sonnet-5-5\n", "\ud800"])
    async def test_a_model_that_is_not_offered_is_a_404_that_names_those_that_are(
        self, deployment_key: str, token: str, name: str
    ) -> None:
        exchange = await driver.call(token, question(model=name))

        assert refusal_of(exchange) == (404, "not_found_error")
        assert "sonnet, opus, haiku" in exchange.json["error"]["message"]

    async def test_ordinary_tools_and_contents_pass(self, settings: Settings, deployment_key: str, token: str) -> None:
        image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "aGk="}}
        call = {"type": "tool_use", "id": "t1", "name": "Write", "input": {"source": {"type": "url", "url": "x"}}}
        body = question(
            tools=[{"name": "Write", "input_schema": {}}, {"type": "web_search_20250305", "name": "web_search"}, 7],
            messages=[{"role": "user", "content": [image, "text"]}, {"role": "assistant", "content": [call]}, None],
        )
        async with vendor.running() as world:
            settings.ANTHROPIC_BASE_URL = world.url

            assert (await driver.call(token, body)).status == 200

    async def test_a_packed_one_is_refused_with_the_reason(self, deployment_key: str, token: str) -> None:
        packed = gzip.compress(json.dumps(question()).encode())

        exchange = await driver.call(token, packed, headers={"content-encoding": "gzip"})

        assert refusal_of(exchange) == (400, "invalid_request_error")
        assert "content-encoding" in exchange.json["error"]["message"]

    async def test_a_long_one_passes_and_a_too_long_one_is_a_413(
        self, settings: Settings, deployment_key: str, token: str
    ) -> None:
        fits = question(messages=[{"role": "user", "content": "x" * (5 * 2**20)}])
        async with vendor.running() as world:
            settings.ANTHROPIC_BASE_URL = world.url

            assert (await driver.call(token, fits)).status == 200
            assert len(world.seen[0].body) > 5 * 2**20
            exchange = await driver.call(token, b" " * (calls.BODY_MAX_BYTES + 1))
            assert refusal_of(exchange) == (413, "request_too_large")
            exchange = await driver.call(token, b"", headers={"content-length": str(10**12)})
            assert refusal_of(exchange) == (413, "request_too_large")

    async def test_one_session_cannot_fill_the_memory_with_bodies(
        self, settings: Settings, deployment_key: str, token: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(asgi, "HELD_MAX_BYTES", 150)  # one such question has about 100

        async def slow(request: web.Request) -> web.StreamResponse:
            response = await vendor.stream_of(request, vendor.START)
            await asyncio.sleep(30)
            return response

        async with vendor.running(slow) as world:
            settings.ANTHROPIC_BASE_URL = world.url
            first = driver.begin(token, question())
            await first.chunk()

            assert refusal_of(await driver.call(token, question())) == (429, "rate_limit_error")

            first.hang_up()
            await first.task
            world.answer = vendor.whole
            assert (await driver.call(token, question())).status == 200

    async def test_one_session_cannot_have_any_number_of_calls_at_once(
        self, settings: Settings, deployment_key: str, token: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(asgi, "CALLS_MAX", 1)

        async def slow(request: web.Request) -> web.StreamResponse:
            response = await vendor.stream_of(request, vendor.START)
            await asyncio.sleep(30)
            return response

        async with vendor.running(slow) as world:
            settings.ANTHROPIC_BASE_URL = world.url
            first = driver.begin(token, question())
            await first.chunk()

            assert refusal_of(await driver.call(token, question())) == (429, "rate_limit_error")

            first.hang_up()
            await first.task
            world.answer = vendor.whole
            assert (await driver.call(token, question())).status == 200


class TestStreaming:
    async def test_chunks_pass_unchanged_before_the_answer_has_ended(
        self, settings: Settings, deployment_key: str, token: str
    ) -> None:
        go_on = asyncio.Event()

        async def halting(request: web.Request) -> web.StreamResponse:
            response = await vendor.stream_of(request, vendor.START)
            await go_on.wait()
            await response.write(vendor.DELTA + vendor.END)
            return response

        async with vendor.running(halting) as world:
            settings.ANTHROPIC_BASE_URL = world.url
            exchange = driver.begin(token, question(stream=True))

            await exchange.chunk()
            assert exchange.body == vendor.START
            assert not exchange.has_ended()
            go_on.set()
            await exchange.task

            assert exchange.body == vendor.START + vendor.DELTA + vendor.END
            assert exchange.has_ended()
            assert exchange.headers["content-type"] == "text/event-stream"
            assert exchange.headers["request-id"] == "req_stream"

    async def test_the_vendor_is_left_when_the_client_leaves(
        self, settings: Settings, deployment_key: str, token: str
    ) -> None:
        async def endless(request: web.Request) -> web.StreamResponse:
            response = await vendor.stream_of(request, vendor.START, vendor.DELTA)
            await asyncio.sleep(30)
            return response

        async with vendor.running(endless) as world:
            settings.ANTHROPIC_BASE_URL = world.url
            exchange = driver.begin(token, question(stream=True))
            await exchange.chunk()

            exchange.hang_up()

            await asyncio.wait_for(world.hung_up.wait(), 2)
            await asyncio.wait_for(exchange.task, 2)
            assert not exchange.has_ended()
            assert (await only_entry()).finished_at is not None

    async def test_the_vendor_is_held_back_by_a_client_that_does_not_read(
        self, settings: Settings, deployment_key: str, token: str
    ) -> None:
        written = 0
        piece = vendor.event("content_block_delta", delta={"type": "text_delta", "text": "x" * 60_000})

        async def flood(request: web.Request) -> web.StreamResponse:
            nonlocal written
            response = await vendor.stream_of(request, vendor.START)
            for _ in range(1000):
                await response.write(piece)
                written += len(piece)
            return response

        async with vendor.running(flood) as world:
            settings.ANTHROPIC_BASE_URL = world.url
            exchange = driver.begin(token, question(stream=True))
            exchange.may_take.clear()
            await asyncio.sleep(1)
            held_at = written
            await asyncio.sleep(0.5)

            assert held_at == written < 15_000_000  # what fits the kernel's own buffers, of 60 MB
            exchange.may_take.set()
            await asyncio.wait_for(exchange.task, 20)
            assert len(exchange.body) == len(vendor.START) + 1000 * len(piece)

    async def test_an_answer_that_breaks_off_breaks_off_for_the_client_too(
        self, settings: Settings, deployment_key: str, token: str
    ) -> None:
        async def cut(request: web.Request) -> web.StreamResponse:
            response = await vendor.stream_of(request, vendor.START, vendor.DELTA)
            assert request.transport is not None
            request.transport.close()
            return response

        async with vendor.running(cut) as world:
            settings.ANTHROPIC_BASE_URL = world.url
            exchange = driver.begin(token, question(stream=True))

            with pytest.raises(AnswerCut):
                await exchange.task

            assert exchange.body == vendor.START + vendor.DELTA
            assert not exchange.has_ended()


class TestUpstreamErrors:
    @pytest.mark.parametrize(
        ("status", "kind", "headers"),
        [
            (401, "authentication_error", {}),
            (404, "not_found_error", {}),
            (429, "rate_limit_error", {"retry-after": "17", "anthropic-ratelimit-requests-remaining": "0"}),
            (529, "overloaded_error", {"x-should-retry": "true"}),
        ],
    )
    async def test_pass_unchanged(
        self, settings: Settings, deployment_key: str, token: str, status: int, kind: str, headers: dict[str, str]
    ) -> None:
        async with vendor.running(vendor.failing(status, kind, **headers)) as world:
            settings.ANTHROPIC_BASE_URL = world.url

            exchange = await driver.call(token, question())

        assert refusal_of(exchange) == (status, kind)
        assert exchange.json["error"]["message"] == f"vendor says {status}"
        assert exchange.headers.items() >= {"request-id": f"req_{status}", **headers}.items()
        entry = await only_entry()
        assert (entry.status, entry.cost_usd, entry.is_estimated) == (status, Decimal(0), False)

    async def test_a_vendor_that_is_not_there_is_a_502_that_costs_nothing(
        self, settings: Settings, deployment_key: str, token: str
    ) -> None:
        async with vendor.running():
            settings.ANTHROPIC_BASE_URL = "http://127.0.0.1:9"

            exchange = await driver.call(token, question())

        assert refusal_of(exchange) == (502, "api_error")
        entry = await only_entry()
        assert (entry.status, entry.cost_usd, entry.is_estimated) == (502, Decimal(0), False)

    async def test_a_redirect_is_not_followed_and_the_key_goes_nowhere_else(
        self, settings: Settings, deployment_key: str, token: str
    ) -> None:
        async def redirect(request: web.Request) -> web.StreamResponse:
            raise web.HTTPTemporaryRedirect("/elsewhere")

        async with vendor.running(redirect) as world:
            settings.ANTHROPIC_BASE_URL = world.url

            exchange = await driver.call(token, question())

            assert refusal_of(exchange) == (502, "api_error")
            assert "location" not in exchange.headers
            assert len(world.seen) == 1

    async def test_headers_of_our_account_and_cookies_are_kept_back(
        self, settings: Settings, deployment_key: str, token: str
    ) -> None:
        answer = vendor.failing(429, "rate_limit_error", **{"anthropic-organization-id": "org-1", "set-cookie": "a=b"})
        async with vendor.running(answer) as world:
            settings.ANTHROPIC_BASE_URL = world.url

            await driver.call(token, question())
            exchange = await driver.call(token, question())

            assert not {"anthropic-organization-id", "set-cookie"} & exchange.headers.keys()
            assert "cookie" not in world.seen[1].headers


class TestLedger:
    async def test_a_streamed_answer_is_metered(self, settings: Settings, deployment_key: str, token: str) -> None:
        async with vendor.running(vendor.streamed) as world:
            settings.ANTHROPIC_BASE_URL = world.url

            await driver.call(token, question(stream=True))

        await self._check(await only_entry(), "req_stream")

    async def test_metrics_count_by_listed_models_and_never_by_tenant(
        self, settings: Settings, deployment_key: str, token: str
    ) -> None:
        def counted() -> float:
            labels = {"model": "sonnet", "kind": "output"}
            return metrics.REGISTRY.get_sample_value("slipway_model_tokens_total", labels) or 0.0

        before = counted()
        async with vendor.running() as world:
            settings.ANTHROPIC_BASE_URL = world.url

            await driver.call(token, question(model="claude-sonnet-99-made-up-by-a-caller"))

        assert counted() == before + 20
        assert b"made-up" not in metrics.exposition()

    async def test_a_json_answer_is_metered(self, settings: Settings, deployment_key: str, token: str) -> None:
        async with vendor.running() as world:
            settings.ANTHROPIC_BASE_URL = world.url

            await driver.call(token, question())

        await self._check(await only_entry(), "req_whole")

    async def test_a_gzipped_answer_passes_as_it_is_and_is_metered(
        self, settings: Settings, deployment_key: str, token: str
    ) -> None:
        packed = gzip.compress(json.dumps(vendor.message()).encode())

        async def answer(request: web.Request) -> web.StreamResponse:
            headers = {"content-type": "application/json", "content-encoding": "gzip", "request-id": "req_gzip"}
            return web.Response(body=packed, headers=headers)

        async with vendor.running(answer) as world:
            settings.ANTHROPIC_BASE_URL = world.url

            exchange = await driver.call(token, question())

        assert exchange.body == packed
        assert exchange.headers["content-encoding"] == "gzip"
        await self._check(await only_entry(), "req_gzip")

    async def _check(self, entry: UsageEntry, request_id: str) -> None:
        assert entry.request_id == request_id
        assert (entry.status, entry.model, entry.is_practice) == (200, "claude-sonnet-5-5", False)
        assert (entry.input_tokens, entry.output_tokens) == (100, 20)
        assert (entry.cache_write_tokens, entry.cache_read_tokens) == (500, 3000)
        assert entry.cost_usd == COST
        assert entry.finished_at is not None
        assert not entry.is_estimated

    async def test_a_cut_stream_is_metered_by_what_was_seen(
        self, settings: Settings, deployment_key: str, token: str
    ) -> None:
        async def endless(request: web.Request) -> web.StreamResponse:
            response = await vendor.stream_of(request, vendor.START + vendor.DELTA * 100)
            await asyncio.sleep(30)
            return response

        async with vendor.running(endless) as world:
            settings.ANTHROPIC_BASE_URL = world.url
            exchange = driver.begin(token, question(stream=True))
            await exchange.chunk()
            while len(exchange.body) < len(vendor.START + vendor.DELTA * 100):
                await exchange.chunk()
            exchange.hang_up()
            await exchange.task

        entry = await only_entry()
        assert (entry.input_tokens, entry.output_tokens) == (100, 700)  # 2,100 characters passed
        assert entry.is_estimated
        assert entry.cost_usd == COST + 680 * Decimal(10) / 1_000_000

    async def test_a_client_that_leaves_before_the_answer_pays_the_estimate(
        self, settings: Settings, deployment_key: str, token: str
    ) -> None:
        asked = asyncio.Event()

        async def silent(request: web.Request) -> web.StreamResponse:
            asked.set()
            await asyncio.sleep(30)
            return web.Response()

        async with vendor.running(silent) as world:
            settings.ANTHROPIC_BASE_URL = world.url
            exchange = driver.begin(token, question())
            await asyncio.wait_for(asked.wait(), 5)
            exchange.hang_up()
            await exchange.task

        entry = await only_entry()
        assert (entry.status, entry.is_estimated, entry.output_tokens) == (0, True, 100)
        assert entry.cost_usd > 0

    async def test_a_cancelled_call_is_closed_too(self, settings: Settings, deployment_key: str, token: str) -> None:
        async def endless(request: web.Request) -> web.StreamResponse:
            response = await vendor.stream_of(request, vendor.START)
            await asyncio.sleep(30)
            return response

        async with vendor.running(endless) as world:
            settings.ANTHROPIC_BASE_URL = world.url
            exchange = driver.begin(token, question(stream=True))
            await exchange.chunk()

            exchange.task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await exchange.task

        entry = await only_entry()
        assert entry.finished_at is not None
        assert entry.input_tokens == 100

    async def test_pings_of_one_token_are_metered(self, settings: Settings, deployment_key: str, token: str) -> None:
        async with vendor.running() as world:
            settings.ANTHROPIC_BASE_URL = world.url

            await driver.call(token, question(max_tokens=1))

        assert (await only_entry()).cost_usd == COST


class TestBudget:
    async def test_a_spent_one_refuses_with_a_message_that_the_cli_shows_at_once(
        self, settings: Settings, deployment_key: str, organization: Organization, token: str
    ) -> None:
        await Budget.objects.acreate(organization_id=organization.pk, limit_usd=Decimal("0.02"))
        async with vendor.running() as world:
            settings.ANTHROPIC_BASE_URL = world.url
            assert (await driver.call(token, question())).status == 200
            assert (await driver.call(token, question())).status == 200
            exchange = await driver.call(token, question())

            assert refusal_of(exchange) == (400, "invalid_request_error")
            assert "budget" in exchange.json["error"]["message"]
            assert exchange.headers["x-should-retry"] == "false"
            assert len(world.seen) == 2
            assert len(await entries()) == 2

    async def test_parallel_calls_cannot_pass_it_by_more_than_one_call(
        self, settings: Settings, deployment_key: str, organization: Organization, token: str
    ) -> None:
        await Budget.objects.acreate(organization_id=organization.pk, limit_usd=Decimal("0.01"))
        big = question(max_tokens=8000)  # estimated at 0.08 USD

        async def slow(request: web.Request) -> web.StreamResponse:
            await asyncio.sleep(0.3)
            return await vendor.whole(request)

        async with vendor.running(slow) as world:
            settings.ANTHROPIC_BASE_URL = world.url
            exchanges = [driver.begin(token, big) for _ in range(5)]
            await asyncio.gather(*(exchange.task for exchange in exchanges))

            assert sorted(exchange.status for exchange in exchanges) == [200, 429, 429, 429, 429]
            waiting = next(exchange for exchange in exchanges if exchange.status == 429)
            assert waiting.headers["retry-after"] == "5"
            assert "x-should-retry" not in waiting.headers
            assert len(world.seen) == 1

    async def test_the_default_of_the_deployment_holds_without_one(
        self, settings: Settings, deployment_key: str, token: str
    ) -> None:
        settings.SESSION_BUDGET_USD = 0.0

        assert refusal_of(await driver.call(token, question()))[0] == 400

    async def test_last_months_calls_do_not_count(
        self, settings: Settings, deployment_key: str, organization: Organization, token: str
    ) -> None:
        now = timezone.now()
        await sync_to_async(UsageEntry.objects.create)(
            organization=organization,
            subject_id=uuid.UUID(int=8),
            model="claude-opus-5-5",
            cost_usd=Decimal(1000),
            finished_at=now,
            created_at=now - dt.timedelta(days=32),
        )
        async with vendor.running() as world:
            settings.ANTHROPIC_BASE_URL = world.url

            assert (await driver.call(token, question())).status == 200


class TestPracticeModel:
    async def test_answers_when_there_is_no_key(self, settings: Settings, token: str) -> None:
        settings.ANTHROPIC_API_KEY = ""

        exchange = await driver.call(token, question(stream=True))

        assert exchange.status == 200
        assert exchange.body.startswith(b"event: message_start")
        assert b"practice model" in exchange.body
        entry = await only_entry()
        assert (entry.is_practice, entry.cost_usd, entry.is_estimated) == (True, Decimal(0), False)
        assert entry.output_tokens > 0

    async def test_answers_in_json_and_counts_tokens(self, settings: Settings, token: str) -> None:
        settings.ANTHROPIC_API_KEY = ""

        whole = await driver.call(token, question())
        counted = await driver.call(token, question(), path=driver.MESSAGES + "/count_tokens")

        assert whole.json["type"] == "message"
        assert counted.json["input_tokens"] > 0

    async def test_a_dropped_stream_breaks_off(self, settings: Settings, token: str) -> None:
        settings.ANTHROPIC_API_KEY = ""
        script = '<<<[[{"text": "half"}, {"drop": true}]]>>>'
        exchange = driver.begin(token, question(stream=True, messages=[{"role": "user", "content": script}]))

        with pytest.raises(AnswerCut):
            await exchange.task

        assert not exchange.has_ended()
        assert (await only_entry()).finished_at is not None

    async def test_is_not_held_back_by_a_budget(self, settings: Settings, token: str) -> None:
        settings.ANTHROPIC_API_KEY = ""
        settings.SESSION_BUDGET_USD = 0.0

        assert (await driver.call(token, question(stream=True))).status == 200

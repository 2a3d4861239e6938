"""What the real Claude Code CLI makes of the gateway's answers, over the unix socket, as in a sandbox."""

from __future__ import annotations

import asyncio
import json
import os
import tempfile
import time
import uuid
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.utils import timezone

from accounts.models import Organization
from gateway import services
from gateway.models import Budget, UsageEntry
from sessions.engine.cli import CliMissing, find_cli
from tests.gateway.conftest import DEPLOYMENT_KEY, SUBJECT
from tests.gateway.served import Served, serving

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.cli]

UNREACHABLE = {"SLIPWAY_ANTHROPIC_BASE_URL": "http://127.0.0.1:9", "SLIPWAY_ANTHROPIC_API_KEY": DEPLOYMENT_KEY}
PRACTICE = {"SLIPWAY_ANTHROPIC_API_KEY": ""}


@dataclass
class Turn:
    """The CLI's last line, and how long it took to say it."""

    result: dict[str, Any]
    seconds: float


async def turn(served: Served, token: str, *, model: str = "sonnet") -> Turn:
    """One prompt, one result; the agent has a fresh home, nothing but the socket, and retries as it does by default."""
    try:
        cli = find_cli()
    except CliMissing as missing:
        pytest.skip(str(missing))
    with tempfile.TemporaryDirectory(prefix="gw-home-") as home:
        environment = {
            "HOME": home,
            "PATH": os.environ["PATH"],
            "ANTHROPIC_UNIX_SOCKET": str(served.socket),
            "ANTHROPIC_BASE_URL": "http://api.local/gateway/anthropic",
            "ANTHROPIC_API_KEY": token,
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
            "DISABLE_AUTOUPDATER": "1",
            "IS_SANDBOX": "1",
        }
        argv = [str(cli), "-p", "hello", "--output-format", "json", "--model", model, "--setting-sources", "user"]
        begun = time.monotonic()
        process = await asyncio.create_subprocess_exec(
            *argv,
            cwd=home,
            env=environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
        )
        output, _ = await asyncio.wait_for(process.communicate(), 60)
    return Turn(json.loads(output), time.monotonic() - begun)


class TestRealCli:
    async def test_does_a_turn_with_the_practice_model_and_leaves_a_row(self, token: str) -> None:
        async with serving(**PRACTICE) as served:
            done = await turn(served, token)

        assert done.result["is_error"] is False
        assert "practice model" in done.result["result"]
        entry = await sync_to_async(UsageEntry.objects.get)()
        assert (entry.subject_id, entry.is_practice, entry.status) == (SUBJECT, True, 200)
        assert entry.finished_at is not None

    async def test_shows_at_once_that_the_budget_is_spent(self, token: str, organization: Organization) -> None:
        await Budget.objects.acreate(organization_id=organization.pk, limit_usd=Decimal(0))
        async with serving(**UNREACHABLE) as served:
            done = await turn(served, token)

        assert done.result["is_error"] is True
        assert "budget of this month is used up" in done.result["result"]
        assert done.seconds < 10

    async def test_gives_up_at_once_with_a_dead_token(self, token: str) -> None:
        await sync_to_async(services.revoke_tokens)(subject_id=SUBJECT, now=timezone.now())
        async with serving(**UNREACHABLE) as served:
            done = await turn(served, token)

        assert done.result["is_error"] is True
        assert done.result["api_error_status"] == 401
        assert done.seconds < 10

    async def test_says_that_a_model_is_not_offered(self, token: str) -> None:
        async with serving(**PRACTICE) as served:
            done = await turn(served, token, model=f"claude-{uuid.uuid4().hex[:6]}-9")

        assert done.result["is_error"] is True
        assert done.result["api_error_status"] == 404
        assert done.seconds < 10

"""Rings between processes: what a web process tells, the worker that runs the turn hears at once."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pytest_django.fixtures import Settings

from sessions import events
from sessions.live import doorbell
from tests.journeys.cluster import Redis

ELSEWHERE = """
import asyncio, json, os, sys, uuid
os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
import django
from django.conf import settings
settings.CHANNEL_LAYERS = json.loads(sys.argv[1])
django.setup()
from asgiref.sync import sync_to_async
from sessions import events
from sessions.live import doorbell
async def main():
    await sync_to_async(events.ring_control)(uuid.UUID(sys.argv[2]))
    await asyncio.sleep(0)
    while doorbell.hub()._publisher is not None and not doorbell.hub()._publisher.done():
        await asyncio.sleep(0.01)
asyncio.run(main())
"""


@pytest.fixture
def layers(tmp_path: Path, settings: Settings) -> Iterator[dict[str, Any]]:
    """A channel layer over a Redis of its own."""
    redis = Redis(tmp_path)
    redis.start()
    config = {"hosts": [f"redis://127.0.0.1:{redis.port}"]}
    settings.CHANNEL_LAYERS = {
        "default": {"BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer", "CONFIG": config}
    }
    yield settings.CHANNEL_LAYERS
    redis.kill()


class TestAControlRing:
    async def test_of_another_process_reaches_the_runner_and_no_one_else(self, layers: dict[str, Any]) -> None:
        mine, other = uuid.uuid4(), uuid.uuid4()
        command = [sys.executable, "-c", ELSEWHERE, json.dumps(layers), str(mine)]

        async with (
            doorbell.listen(events.control_group(mine)) as bell,
            doorbell.listen(events.control_group(other)) as silent,
        ):
            await asyncio.to_thread(subprocess.run, command, check=True, timeout=60)
            rung = await bell.wait(timeout_s=20)
            unrung = await silent.wait(timeout_s=0.1)

        assert [message["type"] for message in rung] == ["session.control"]
        assert unrung == []

"""Waiting for a ring on the channel layer, with the database as the fallback: a doorbell may fail, a poll does not."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

from channels.layers import get_channel_layer


class Doorbell:
    """One listener in one group."""

    def __init__(self, layer: Any, channel: str) -> None:
        self._layer, self._channel = layer, channel

    async def wait(self, *, timeout_s: float) -> dict[str, Any] | None:
        """The next message of the group, or None when none came in time."""
        try:
            async with asyncio.timeout(timeout_s):
                message: dict[str, Any] = await self._layer.receive(self._channel)
                return message
        except TimeoutError:
            return None
        except OSError:  # the layer is out of reach
            await asyncio.sleep(timeout_s)
            return None


@contextlib.asynccontextmanager
async def listen(group: str) -> AsyncIterator[Doorbell]:
    """Join the group for the length of the block."""
    layer = get_channel_layer()
    channel = await layer.new_channel()
    await layer.group_add(group, channel)
    try:
        yield Doorbell(layer, channel)
    finally:
        await layer.group_discard(group, channel)

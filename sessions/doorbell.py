"""Waiting for a ring on the channel layer, with the database as the fallback: a doorbell may fail, a poll does not."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from types import TracebackType
from typing import Any, Self

import structlog
from channels.layers import get_channel_layer

logger = structlog.get_logger(__name__)

SUBSCRIBE_TIMEOUT_S = 1.0


def listen(group: str) -> Doorbell:
    """`async with listen(group) as bell`: in the group for the length of the block."""
    return Doorbell(group)


class Doorbell:
    """Listens to one group: `wait` ends at a ring or after a while, whichever is first.

    The layer is read by a task of its own, since the Redis layer drops a channel whose `receive` is cancelled. What a
    slow reader has not taken is bounded: beyond `LIMIT` messages the oldest go, and `wait` says nothing of them.
    """

    LIMIT = 1000

    def __init__(self, group: str) -> None:
        self._group = group
        self._rung = asyncio.Event()
        self._messages: deque[dict[str, Any]] = deque(maxlen=self.LIMIT)
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        subscribed = asyncio.Event()
        self._task = asyncio.create_task(self._listen(subscribed))
        await subscribed.wait()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def wait(self, *, timeout_s: float) -> list[dict[str, Any]]:
        """The messages since the last call, in order; none when the time is over first."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self._rung.wait()
        self._rung.clear()
        messages = list(self._messages)
        self._messages.clear()
        return messages

    async def _listen(self, subscribed: asyncio.Event) -> None:
        """Readers also look by themselves, so a layer that is down only makes them slower."""
        while True:
            try:
                await self._receive(subscribed)
            except Exception as error:
                logger.warning("doorbell_lost", group=self._group, error=repr(error))
            subscribed.set()
            await asyncio.sleep(1)

    async def _receive(self, subscribed: asyncio.Event) -> None:
        layer = get_channel_layer()
        async with asyncio.timeout(SUBSCRIBE_TIMEOUT_S):
            channel = await layer.new_channel()
            await layer.group_add(self._group, channel)
        subscribed.set()
        try:
            while True:
                self._messages.append(await layer.receive(channel))
                self._rung.set()
        finally:
            with contextlib.suppress(Exception):
                await layer.group_discard(self._group, channel)

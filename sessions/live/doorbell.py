"""Ringing and being rung, in this process at once and in others through the channel layer; any ring may be lost.

The channel layer is asked once for each group however many listen, and never waited for: without it, readers in other
processes look by themselves.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
import uuid
from collections import deque
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self
from weakref import WeakKeyDictionary

import structlog
from asgiref.sync import SyncToAsync, async_to_sync
from channels.layers import InMemoryChannelLayer, get_channel_layer

logger = structlog.get_logger(__name__)

LAYER_TIMEOUT_S = 1.0
RETRY_S = 1.0  # after the layer failed
WARN_EVERY_S = 10.0
OUTBOX = 1000  # messages that wait for the layer; beyond that the oldest go
PROCESS = uuid.uuid4().hex

Message = dict[str, Any]
Listener = Callable[[Message], None]


class Hub:
    """The listeners of one event loop, by group."""

    def __init__(self) -> None:
        self._listeners: dict[str, list[Listener]] = {}
        self._subscriptions: dict[str, asyncio.Task[None]] = {}
        self._outbox: deque[tuple[str, Message]] = deque(maxlen=OUTBOX)
        self._publisher: asyncio.Task[None] | None = None
        self._warned_at = -WARN_EVERY_S

    async def add(self, group: str, listener: Listener) -> None:
        """Heard from now on; with a layer that fails only what this process says is heard."""
        self._listeners.setdefault(group, []).append(listener)
        if group not in self._subscriptions and not _is_local():
            subscribed = asyncio.Event()
            self._subscriptions[group] = asyncio.create_task(self._subscribe(group, subscribed))
            await subscribed.wait()

    async def remove(self, group: str, listener: Listener) -> None:
        listeners = self._listeners.get(group, [])
        with contextlib.suppress(ValueError):
            listeners.remove(listener)
        if not listeners:
            self._listeners.pop(group, None)
            if task := self._subscriptions.pop(group, None):
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)

    def ring(self, group: str, message: Message) -> None:
        """Tell the listeners here at once, and those elsewhere soon."""
        self._deliver(group, message)
        if not _is_local():
            self._outbox.append((group, {**message, "from": PROCESS}))
            if self._publisher is None or self._publisher.done():
                self._publisher = asyncio.create_task(self._publish())

    def _deliver(self, group: str, message: Message) -> None:
        for listener in tuple(self._listeners.get(group, ())):
            listener(message)

    async def _publish(self) -> None:
        while self._outbox:
            group, message = self._outbox.popleft()
            try:
                await publish(group, message)
            except Exception as error:
                self._outbox.clear()  # what is old by then helps nobody
                self._warn(group, error)
                await asyncio.sleep(RETRY_S)

    async def _subscribe(self, group: str, subscribed: asyncio.Event) -> None:
        while True:
            try:
                await self._receive(group, subscribed)
            except Exception as error:
                self._warn(group, error)
            subscribed.set()
            await asyncio.sleep(RETRY_S)

    async def _receive(self, group: str, subscribed: asyncio.Event) -> None:
        layer = get_channel_layer()
        async with asyncio.timeout(LAYER_TIMEOUT_S):
            channel = await layer.new_channel()
            await layer.group_add(group, channel)
        subscribed.set()
        try:
            while True:
                message = await layer.receive(channel)
                if message.get("from") != PROCESS:
                    self._deliver(group, message)
        finally:
            with contextlib.suppress(Exception):
                async with asyncio.timeout(LAYER_TIMEOUT_S):
                    await layer.group_discard(group, channel)

    def _warn(self, group: str, error: Exception) -> None:
        now = time.monotonic()
        if now - self._warned_at >= WARN_EVERY_S:
            self._warned_at = now
            logger.warning("doorbell_failed", group=group, error=repr(error))


_hubs: WeakKeyDictionary[asyncio.AbstractEventLoop, Hub] = WeakKeyDictionary()


def hub() -> Hub:
    """That of the running loop."""
    loop = asyncio.get_running_loop()
    if loop not in _hubs:
        _hubs[loop] = Hub()
    return _hubs[loop]


def ring(group: str, message: Message) -> None:
    """Ring from sync code, without waiting where an event loop is there to do it."""
    loop = getattr(SyncToAsync.threadlocal, "main_event_loop", None)
    if loop is not None and loop.is_running():
        loop.call_soon_threadsafe(lambda: hub().ring(group, message))
    elif not _is_local():
        async_to_sync(_publish_alone)(group, message)


async def publish(group: str, message: Message) -> None:
    async with asyncio.timeout(LAYER_TIMEOUT_S):
        await get_channel_layer().group_send(group, message)


async def _publish_alone(group: str, message: Message) -> None:
    """From a command or a thread without a loop: nobody listens in it."""
    try:
        await publish(group, message)
    except Exception as error:
        logger.warning("doorbell_failed", group=group, error=repr(error))


def _is_local() -> bool:
    """The in-memory layer reaches nobody else, and costs more than it brings."""
    return isinstance(get_channel_layer(), InMemoryChannelLayer)


def listen(group: str) -> Doorbell:
    """`async with listen(group) as bell`: in the group for the length of the block."""
    return Doorbell(group)


class Doorbell:
    """Listens to one group: `wait` ends at a ring or after a while. Of what nobody takes the latest are kept."""

    LIMIT = 100

    def __init__(self, group: str) -> None:
        self._group = group
        self._rung = asyncio.Event()
        self._messages: deque[Message] = deque(maxlen=self.LIMIT)

    async def __aenter__(self) -> Self:
        await hub().add(self._group, self._hear)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await hub().remove(self._group, self._hear)

    def ring(self, message: Message) -> None:
        """Tell only the one that waits here."""
        self._hear(message)

    def _hear(self, message: Message) -> None:
        self._messages.append(message)
        self._rung.set()

    async def wait(self, *, timeout_s: float) -> list[Message]:
        """The messages since the last call, in order; none when the time is over first."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self._rung.wait()
        self._rung.clear()
        messages = list(self._messages)
        self._messages.clear()
        return messages

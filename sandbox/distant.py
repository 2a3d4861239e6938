"""The client of a guest at the far end of a network that comes and goes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator
from typing import Any

from sandbox.client import GuestClient
from sandbox.connection import ANSWER_TIMEOUT_S
from sandbox.errors import Unreachable

OUTAGE_S = 120.0  # for so long a stream waits for the network
PAUSE_S = 0.5


class DistantGuest(GuestClient):
    """Goes on where it was when the network comes back: an agent's output has offsets, and verbs may be repeated."""

    async def read_agent(self, run: str, offset: int) -> AsyncGenerator[bytes, None]:
        """As everywhere; an outage is waited out. Raises Unreachable after two minutes without the network, too."""
        lost_at: float | None = None
        while True:
            stream = super().read_agent(run, offset)
            try:
                async for chunk in stream:
                    lost_at = None
                    offset += len(chunk)
                    yield chunk
                return
            except Unreachable:
                lost_at = lost_at or time.monotonic()
                if time.monotonic() - lost_at > OUTAGE_S:
                    raise
            finally:
                await stream.aclose()
            await asyncio.sleep(PAUSE_S)

    async def _ask(
        self,
        verb: str,
        fields: dict[str, Any] | None = None,
        *,
        data: bytes | None = None,
        timeout_s: float = ANSWER_TIMEOUT_S,
    ) -> dict[str, Any]:
        """Asked again until the answer came or the time is over: each of these verbs does its work once."""
        deadline = time.monotonic() + timeout_s
        while True:
            try:
                return await super()._ask(verb, fields, data=data, timeout_s=max(deadline - time.monotonic(), 0.1))
            except Unreachable:
                if time.monotonic() + PAUSE_S > deadline:
                    raise
            await asyncio.sleep(PAUSE_S)

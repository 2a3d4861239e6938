"""Whether who opened a session's stream may still read it."""

from __future__ import annotations

import asyncio
import random
import time
import uuid
from collections.abc import Callable, Coroutine
from datetime import datetime
from types import TracebackType
from typing import Any, Self

from accounts import credentials
from accounts.credentials import RECHECK_S
from accounts.tenancy import Role, fetch
from sessions import queries
from sessions.models import AgentSession

__all__ = ["RECHECK_S", "Credentials", "Recheck"]

PATIENCE = 0.5  # of the time between two looks: for so long a reader is sent frames while a look is under way


class Credentials(credentials.Credentials):
    """What the stream was opened with."""

    def session(self, session_id: uuid.UUID, role: Role, now: datetime) -> AgentSession:
        """The session's row, if they may see it with this role at this moment.

        Raises: Unauthenticated, NotFound, Forbidden, OrganizationSuspended.
        """
        return fetch(queries.sessions(), self.actor_now(now), session_id, role)


class Recheck:
    """Looks again and again whether a reader still may, beside the frames: none waits for the database's answer.

    A look that takes long is waited for, so that rights that nobody can look up are not taken for granted.
    """

    def __init__(self, look: Callable[[], Coroutine[Any, Any, object]]) -> None:
        self._look = look
        self._task: asyncio.Task[object] | None = None
        # Streams that were opened together are not looked at together.
        self._begun_at = time.monotonic() - random.uniform(0, RECHECK_S)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def passed(self, *, is_idle: bool = False) -> None:
        """To be called between frames, and when there are none. Raises: what the look raised."""
        now = time.monotonic()
        if self._task is None and now - self._begun_at >= RECHECK_S:
            self._task, self._begun_at = asyncio.create_task(self._look()), now
        has_time = not is_idle and now - self._begun_at < RECHECK_S * PATIENCE
        if self._task is not None and (self._task.done() or not has_time):
            await self._task
            self._task = None

"""Following an agent between turns, while its background tasks go on: what they ask, and the turns they lead to."""

from __future__ import annotations

import asyncio
from typing import ClassVar

import structlog
from channels.db import database_sync_to_async as in_db
from django.conf import settings
from django.utils import timezone

from sandbox import Sandbox
from sandbox.answers import AgentStatus
from sessions import claude, events
from sessions.engine import causes, claims, machines, turns
from sessions.engine.agent import AgentProcess
from sessions.engine.attendant import Attendant
from sessions.engine.claims import Lease, Turn
from sessions.engine.companions import until_first
from sessions.engine.conversation import Conversation
from sessions.engine.vigil import Vigil
from sessions.live import doorbell
from sessions.log import LogWriter
from sessions.models import SessionStatus

logger = structlog.get_logger(__name__)

QUIET_S = 2.0  # an agent without background tasks that says nothing for so long begins no turn by itself
WANTED_S = 1.0  # how often the database is asked for the next turn, besides the doorbell


def has_room() -> bool:
    """Whether another session may be watched here: background tasks that never end must leave workers for turns."""
    return Watcher.running < max(1, settings.WORKER_CONCURRENCY // 2)


class Watcher:
    """Watches one session until its agent begins a turn, somebody wants one, or all is quiet."""

    running: ClassVar[int] = 0
    agent: AgentProcess
    talk: Conversation
    vigil: Vigil

    def __init__(self, lease: Lease, writer: LogWriter) -> None:
        self.lease, self.writer = lease, writer

    async def run(self) -> Turn | None:
        """The turn that the agent has begun by itself, if that is how it ended.

        Raises: SandboxError (nobody can watch any more).
        """
        Watcher.running += 1
        try:
            return await self._watch()
        finally:
            Watcher.running -= 1

    async def _watch(self) -> Turn | None:
        sandbox = await machines.find_sandbox(await in_db(machines.place_of)(self.lease.session_id))
        if sandbox is None:
            cause = await machines.cause_of_loss(self.lease.session_id)
            await in_db(turns.end_watch)(self.lease, timezone.now(), error=cause or "The sandbox was lost.")
            return None
        await self._follow(sandbox)
        now = timezone.now()
        if self.talk.is_beginning:
            turn: Turn | None = await in_db(claims.begin_unasked)(self.lease, offset=self.talk.offset, now=now)
            return turn
        status = await self.agent.status()
        if not status.is_alive:
            await self._record_exit(status)
        elif self.vigil.is_mute:
            logger.warning("agent_is_mute")
            await in_db(turns.end_watch)(self.lease, now, error=causes.MUTE, is_mute=True)
        elif self._is_over():
            await in_db(turns.end_watch)(self.lease, now)
        return None

    async def _follow(self, sandbox: Sandbox) -> None:
        paths, name = await sandbox.guest.paths(), f"init-{self.lease.epoch}"
        self.agent = AgentProcess(self.lease, sandbox, paths)
        self.talk = Conversation(self.lease, self.agent, self.writer, paths.work)
        self.vigil = Vigil(self.agent, self.talk)
        await self.agent.send(name, claude.initialize(name))
        attendant = Attendant(self.lease, self.agent, self.talk, SessionStatus.COMPLETED)
        await until_first(
            self.talk.follow(self._is_over),
            attendant.serve(),
            self.vigil.keep(),
            self.talk.keep_passing_on(),
            self.agent.keep_token(),
            self._until_wanted(),
        )
        await self.talk.pass_on_deltas()

    def _is_over(self) -> bool:
        is_at_rest = not self.talk.has_background and self.talk.activity in ("", "idle")
        return is_at_rest and self.talk.quiet_s >= QUIET_S

    async def _until_wanted(self) -> None:
        """Ends when the session has a turn to run, or somebody waits to stop it."""
        async with doorbell.listen(events.control_group(self.lease.session_id)) as bell:
            while not await in_db(claims.has_due)(self.lease.session_id):
                await bell.wait(timeout_s=WANTED_S)
        await asyncio.sleep(0)

    async def _record_exit(self, status: AgentStatus) -> None:
        logger.warning("agent_ended_between_turns", exit_code=status.exit_code, signal=status.signal)
        await self.talk.tell_exit(status)
        await in_db(turns.end_watch)(self.lease, timezone.now(), error=causes.agent_failed(status))

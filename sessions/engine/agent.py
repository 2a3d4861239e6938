"""The agent process of a session, held by the guest: found alive, started, spoken to, ended."""

from __future__ import annotations

import asyncio
import signal
import time
import uuid
from typing import Any

from channels.db import database_sync_to_async as in_db
from django.conf import settings
from django.utils import timezone

from environments import isolation
from gateway import services as gateway
from runtime.failpoints import failpoint
from sandbox import GuestClient, Paths, Sandbox
from sandbox.answers import AgentStatus
from sandbox.errors import AgentEnded
from sessions import claude
from sessions.engine import configuration, programs, resuming, turns
from sessions.engine.claims import Lease
from sessions.engine.whereabouts import environment_now

GRACE_S = 5.0  # between a polite request, SIGTERM and SIGKILL
POLL_S = 0.05
TOKEN_S = 600.0  # how often the sandbox's token is extended while somebody follows the agent
CLOCK_S = 5.0  # how often the clock is looked at meanwhile
JUMP_S = 60.0  # by how much it must be off to have jumped


class AgentProcess:
    """The process that the session's `agent_run` names; a new one has a new name and a spool of its own."""

    def __init__(self, turn: Lease, sandbox: Sandbox, paths: Paths) -> None:
        self._turn, self._sandbox, self._guest, self._paths = turn, sandbox, sandbox.guest, paths
        self.run = turn.agent_run
        self._is_extended = False

    @property
    def guest(self) -> GuestClient:
        return self._guest

    @property
    def wanted_options(self) -> dict[str, Any]:
        """What the session asks for now."""
        turn = self._turn
        return {"model": turn.model, "permission_mode": turn.permission_mode, "rules": turn.rules}

    @property
    def known_mode(self) -> str:
        """The permission mode that the process was last known to have."""
        options = self._turn.agent_options if self.run == self._turn.agent_run else self.wanted_options
        return str(options.get("permission_mode", ""))

    async def status(self) -> AgentStatus:
        return await self._guest.agent_status(self.run)

    async def is_fit(self) -> bool:
        """Whether a process lives that can take the next message: the options are right, the token still holds."""
        if not self.run or not (await self.status()).is_alive:
            return False
        return self._is_as_wanted() and await self.extend_token()

    def _is_as_wanted(self) -> bool:
        """Whether the process may stay: no rule that it has was removed, and its model and mode are right.

        While its background tasks go on, those two are changed in the living process.
        """
        known, wanted = self._turn.agent_options, self.wanted_options
        rules = known.get("rules")
        if not isinstance(rules, list) or not set(rules) <= set(wanted["rules"]):
            return False
        return self._turn.has_background or all(
            known.get(name) == wanted[name] for name in ("model", "permission_mode")
        )

    async def extend_token(self) -> bool:
        """Give the token in the sandbox its full time again; False when it has run out."""
        extended: bool = await in_db(gateway.extend_tokens)(subject_id=self._turn.session_id, now=timezone.now())
        self._is_extended = extended
        return extended

    async def keep_token(self) -> None:
        """Extend it again and again, and at once when the clock has jumped; runs until cancelled."""
        while True:
            if not self._is_extended:  # else a moment ago
                extend = in_db(gateway.extend_tokens)
                await extend(subject_id=self._turn.session_id, now=timezone.now(), even_expired=True)
            self._is_extended = False
            offset = _ahead()
            for _ in range(round(TOKEN_S / CLOCK_S)):
                await asyncio.sleep(CLOCK_S)
                if abs(_ahead() - offset) > JUMP_S:
                    break

    async def start(self, *, is_refused: bool = False) -> None:
        """A new process with a token of its own, going on with the conversation if there is one.

        `is_refused`: the process before would not take it up, so this one is told about it instead.
        """
        turn, paths = self._turn, self._paths
        program = await programs.program_in(self._sandbox, turn.session_id)
        await configuration.show(self._sandbox, turn.session_id, paths.home)
        talk = await resuming.find(turn, self._guest, paths, is_refused=is_refused)
        self.run = f"run-{uuid.uuid4().hex}"
        now = timezone.now()
        await in_db(turns.begin_run)(
            turn, run=self.run, claude_session_id=talk.id, options=self.wanted_options, now=now
        )
        await in_db(gateway.revoke_tokens)(subject_id=turn.session_id, now=now)
        token = await in_db(self._new_token)()
        argv = claude.argv(
            program,
            claude_session_id=talk.id,
            resume=talk.is_resumed,
            model=turn.model,
            permission_mode=turn.permission_mode,
            allowed_rules=turn.rules,
            context=talk.context,
        )
        self._is_extended = True
        environment = self._environment(token) | self._lent()
        environment["SLIPWAY_SESSION_ID"] = str(turn.session_id)  # tells a process list whose it is
        failpoint("agent.before_start")
        await self._guest.start_agent(self.run, argv, cwd=paths.work, env=environment)
        if talk.notice is not None:
            await in_db(resuming.tell)(turn, talk.notice)

    def _new_token(self) -> str:
        turn, environment = self._turn, environment_now(self._turn.session_id)
        return gateway.issue_token(
            organization_id=turn.organization_id,
            subject_id=turn.session_id,
            place_id=environment.pk if environment else None,
            now=timezone.now(),
        )

    def _environment(self, token: str) -> dict[str, str]:
        home = self._paths.home
        if self._sandbox.capabilities.has_gateway_socket:
            return claude.environment(home=home, socket=self._paths.gateway_socket, token=token)
        return claude.environment(home=home, base_url=claude.gateway_url(settings.BASE_URL), token=token)

    def _lent(self) -> dict[str, str]:
        """The operator's SSH agent, where it is lent and can be led there."""
        can_lend = self._sandbox.capabilities.can_lend_agent
        return {"SSH_AUTH_SOCK": self._paths.ssh_agent} if can_lend and isolation.lent_agent() else {}

    async def send(self, message_id: str, line: bytes) -> bool:
        """Hand a line over, once per id; False when the process has ended and takes nothing any more."""
        try:
            await self._guest.send_agent(self.run, message_id, line)
        except AgentEnded:
            return False
        return True

    async def has_taken(self, message_id: uuid.UUID) -> bool:
        """Whether the process, which has ended, was handed this message; its guest knows, also when nobody noted it."""
        try:
            return not await self._guest.send_agent(self.run, str(message_id), b"\n")
        except AgentEnded:
            return False

    async def interrupt(self, name: str) -> None:
        await self.send(name, claude.interrupt(name))

    async def signal(self, number: signal.Signals) -> None:
        await self._guest.signal_agent(self.run, number)

    async def end(self) -> None:
        """Ask it to leave, then TERM, then KILL; returns when it has gone."""
        name = f"end-{self._turn.epoch}"
        await self.send(name, claude.end_session(name))
        for number in (signal.SIGTERM, signal.SIGKILL, None):
            if await self._has_ended() or number is None:
                return
            await self.signal(number)

    async def _has_ended(self) -> bool:
        for _ in range(round(GRACE_S / POLL_S)):
            if not (await self.status()).is_alive:
                return True
            await asyncio.sleep(POLL_S)
        return False


def _ahead() -> float:
    """How far the clock on the wall is ahead of the one that never jumps."""
    return time.time() - time.monotonic()

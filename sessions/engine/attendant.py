"""What people want of a running agent, brought to it: answers, another model or mode, an interrupt, a cancellation."""

from __future__ import annotations

import asyncio
import signal
import uuid

from channels.db import database_sync_to_async as in_db
from django.utils import timezone

from sessions import claude, events
from sessions.engine import turns, wishes
from sessions.engine.agent import GRACE_S, AgentProcess
from sessions.engine.claims import Lease, Turn
from sessions.engine.conversation import Conversation
from sessions.live import doorbell
from sessions.models import PermissionMode, SessionStatus

LOOK_S = 1.0  # how often the agent's own words are looked at, besides the doorbell
NOT_SERVED = "Not supported here."


class Attendant:
    """Serves one lease. A step that is repeated after a crash does no harm: the guest takes each line once per name."""

    def __init__(self, lease: Lease, agent: AgentProcess, talk: Conversation, at_rest: SessionStatus) -> None:
        self._lease, self._agent, self._talk, self._at_rest = lease, agent, talk, at_rest
        self._asked: dict[str, tuple[str, str]] = {}  # by option: the value that was asked for, and the request's id
        self._noted_mode = agent.known_mode
        self.is_cancelled = False
        self.is_interrupted = False

    async def serve(self) -> None:
        """Look whenever the doorbell rings; runs until cancelled."""
        group = events.control_group(self._lease.session_id)
        async with doorbell.listen(group) as bell, wishes.wishes().served(self._lease, bell):
            while True:
                await self._look()
                while not (await bell.wait(timeout_s=LOOK_S) or self._has_heard()):
                    pass

    def _has_heard(self) -> bool:
        """Whether the agent has said something that has to be dealt with here."""
        talk = self._talk
        has_mode = talk.mode != self._noted_mode and talk.mode in PermissionMode.values
        return has_mode or bool(talk.unknown or self._asked) or talk.has_news.is_set()

    async def take_over_mode(self) -> None:
        """Whatever mode the agent says that it is in is the true one."""
        mode = self._talk.mode
        if mode != self._noted_mode and mode in PermissionMode.values:
            await in_db(turns.note_mode)(self._lease, mode, timezone.now())
            self._noted_mode = mode

    async def _look(self) -> None:
        await self._refuse_unknown()
        await self.take_over_mode()
        is_new = self._talk.has_news.is_set()
        self._talk.has_news.clear()
        wants = await in_db(wishes.wants)(self._lease)
        for answer in wants.answers:
            await self._agent.send(f"answer-{answer.id}", _answer_line(answer))
            await in_db(turns.answer_delivered)(answer.id, timezone.now())
        await self._switch("model", wants.model, wants.options.get("model"))
        await self._switch("permission_mode", wants.permission_mode, wants.options.get("permission_mode"))
        await self._widen(wants.rules, wants.options.get("rules"))
        if wants.is_cancelled and not self.is_cancelled:
            await self._cancel()
        elif wants.is_interrupted and not self.is_interrupted:
            await self._interrupt()
        if is_new or wants.answers or wants.has_pending != wants.is_shown_waiting:
            await in_db(turns.show_waiting)(self._lease, self._at_rest, timezone.now())

    async def _refuse_unknown(self) -> None:
        for request_id in self._talk.unknown:
            name = uuid.uuid5(self._lease.session_id, request_id)
            await self._agent.send(f"unknown-{name}", claude.answer_error(request_id, NOT_SERVED))
            self._talk.forget_unknown(request_id)

    async def _switch(self, option: str, value: str, known: str | None) -> None:
        """Ask the process for another model or mode, and see what it says."""
        if known is None or known == value:
            self._asked.pop(option, None)
            return
        asked, request_id = self._asked.get(option, ("", ""))
        if asked != value:
            request_id = f"set-{uuid.uuid4()}"
            self._asked[option] = (value, request_id)
            make = claude.set_model if option == "model" else claude.set_permission_mode
            await self._agent.send(request_id, make(request_id, value))
        elif (reply := self._talk.replies.get(request_id)) is not None:
            if reply.error:
                await in_db(turns.refuse_option)(self._lease, option, value, reply.error, timezone.now())
            else:
                await in_db(turns.note_option)(self._lease, option, value)

    async def _widen(self, wanted: list[str], known: object) -> None:
        """Rules that were added elsewhere hold at once; for one that was removed the next turn gets a new process."""
        if not isinstance(known, list) or set(wanted) <= set(known):
            return
        request_id = f"rules-{uuid.uuid4()}"
        if await self._agent.send(request_id, claude.allow_rules(request_id, wanted)):
            await in_db(turns.note_option)(self._lease, "rules", sorted({*wanted, *known}))

    async def _interrupt(self) -> None:
        self.is_interrupted = True
        if isinstance(self._lease, Turn):
            await in_db(turns.note_interrupt)(self._lease, timezone.now())
        await self._agent.interrupt(f"interrupt-{self._lease.job_id}")

    async def _cancel(self) -> None:
        """Interrupt; when the agent does not end its turn in time, TERM and then KILL its process."""
        self.is_cancelled = True
        await self._agent.interrupt(f"interrupt-{self._lease.job_id}")
        for number in (signal.SIGTERM, signal.SIGKILL):
            await asyncio.sleep(GRACE_S)
            await self._agent.signal(number)


def _answer_line(answer: wishes.Answer) -> bytes:
    given = answer.answer
    if not answer.is_allowed:
        return claude.answer_deny(answer.request_id, given.get("reason") or "The user declined this.")
    updates = given.get("updates") or (answer.suggestions if given.get("always") else [])
    return claude.answer_allow(
        answer.request_id, answer.input, updated_permissions=updates, answers=given.get("answers") or None
    )

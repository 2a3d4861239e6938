"""Noticing what nobody has told: that a turn is over, since its last line was torn, or that an agent says no more."""

from __future__ import annotations

import asyncio
import uuid

from sessions import claude
from sessions.engine.agent import AgentProcess
from sessions.engine.conversation import Conversation

LOOK_S = 1.0
SILENCE_S = 60.0  # after which the agent is asked what it does; doubled each time that it is at work
LONGEST_SILENCE_S = 600.0
IDLE_S = 3.0  # an agent that says it is idle, and goes on saying nothing, has ended its turn
REPLY_S = 20.0
POLL_S = 0.1
UNANSWERED = 5  # such questions, one after the other, and the agent is given up


class Vigil:
    """Beside an agent that is followed: asks it what it does when that is in doubt. Its answer comes by the stream."""

    def __init__(self, agent: AgentProcess, talk: Conversation) -> None:
        self._agent, self._talk = agent, talk
        self._patience_s, self._unanswered = SILENCE_S, 0
        self.is_end_lost = False
        self.is_mute = False

    async def keep(self) -> None:
        """Ends when the turn's end was lost, or the agent does not answer any more; else runs until cancelled."""
        while True:
            await asyncio.sleep(LOOK_S)
            if not self._is_in_doubt():
                continue
            self._talk.is_torn = False
            if await self._is_idle() and await self._has_lost_end():
                self.is_end_lost = True
                return
            if self._unanswered >= UNANSWERED:
                self.is_mute = True
                return

    def _is_in_doubt(self) -> bool:
        return self._talk.is_torn or self._talk.quiet_s >= self._patience_s

    async def _has_lost_end(self) -> bool:
        """Whether an agent that is idle should have said more; between turns it waits for its tasks, or is done."""
        return False

    async def _is_idle(self) -> bool:
        """What the agent itself says; one that is busy is not asked again soon."""
        request_id = f"check-{uuid.uuid4()}"
        await self._agent.send(request_id, claude.initialize(request_id))
        for _ in range(round(REPLY_S / POLL_S)):
            if (reply := self._talk.replies.get(request_id)) is not None:
                self._unanswered = 0
                self._patience_s = min(self._patience_s * 2, LONGEST_SILENCE_S)
                return reply.activity == "idle"
            await asyncio.sleep(POLL_S)
        self._unanswered += 1
        return False


class TurnVigil(Vigil):
    """Beside one turn: an agent that is idle has ended it, whether that was heard or not."""

    def _is_in_doubt(self) -> bool:
        if self._talk.result is not None:
            return False
        has_stopped = self._talk.activity == "idle" and self._talk.quiet_s >= IDLE_S
        return has_stopped or super()._is_in_doubt()

    async def _has_lost_end(self) -> bool:
        """Asked once more: the end may have been on its way."""
        await asyncio.sleep(LOOK_S)
        return self._talk.result is None and await self._is_idle() and self._talk.result is None

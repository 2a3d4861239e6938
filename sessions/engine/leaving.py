"""An agent's process asked to leave, so that it keeps its books; then ended."""

from __future__ import annotations

import asyncio
import signal

from sandbox import GuestClient
from sandbox.errors import AgentEnded, NoSuchRun
from sessions import claude
from sessions.engine.agent import GRACE_S, POLL_S


async def leave(guest: GuestClient, run: str, *, name: str) -> None:
    """Ask it to leave, then TERM, then KILL; returns when it has gone. One that never was is no error.

    `name` is the request's: the same name again is heard once.
    """
    if not run or not (await guest.agent_status(run)).is_alive:
        return
    try:
        await guest.send_agent(run, name, claude.end_session(name))
        for number in (signal.SIGTERM, signal.SIGKILL, None):
            if await _has_ended(guest, run) or number is None:
                return
            await guest.signal_agent(run, number)
    except (AgentEnded, NoSuchRun):
        return


async def _has_ended(guest: GuestClient, run: str) -> bool:
    for _ in range(round(GRACE_S / POLL_S)):
        if not (await guest.agent_status(run)).is_alive:
            return True
        await asyncio.sleep(POLL_S)
    return False

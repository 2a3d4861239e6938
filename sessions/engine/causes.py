"""Why something ended, in sentences for people that say what to do next."""

from __future__ import annotations

import errno
import os

from django.utils.translation import gettext_noop

from sandbox.answers import AgentStatus

GO_ON = "Send a message to go on."
KEPT = f"The files are kept. {GO_ON}"
# What follows is the cause; one can try again, or stop by force.
NOT_SAVED = "Not stopped: the work could not be saved."
NOT_ENDED = "Not stopped: the sandbox could not be ended."
MUTE = "The agent does not answer any more. Send a message to go on with a new one."


def unsaved(error: str) -> str:
    """What a stop by force may have cost."""
    return (
        "The session was stopped by force: what was changed since its last checkpoint could not be saved, and may be "
        f"lost. {error}"
    )


def out_of_reach(error: str) -> str:
    """Of a sandbox that was given up although it may run still."""
    return f"The session left it by force while it could not be ended; it is ended when it can be reached. {error}"


def agent_ending(status: AgentStatus) -> str:
    """How an agent process ended, in a few words for a sentence."""
    if status.oom_killed:
        return gettext_noop("signal 9, most likely because memory ran out")
    if status.signal is not None:
        return gettext_noop(f"signal {status.signal}")
    if status.exit_code is not None:
        return gettext_noop(f"exit code {status.exit_code}")
    return gettext_noop("its sandbox was lost")


def end_lost(status: AgentStatus) -> str:
    """A turn that is over, but nobody was told how it ended."""
    if status.is_disk_full:
        return f"The sandbox's disk is full, so the end of this turn was lost. Free some space in it. {GO_ON}"
    return f"The agent has ended its turn, but what it said at its end was lost. {GO_ON}"


def agent_failed(status: AgentStatus) -> str:
    """A whole account of an agent that ended by itself: how, what to do, and what it wrote last."""
    next_step = GO_ON
    if status.is_disk_full:
        next_step = "The sandbox's disk is full: free some space, then send a message to go on."
    tail = status.stderr_tail.strip()[-500:]
    return f"The agent ended unexpectedly ({agent_ending(status)}). {next_step} {tail}".strip()


def turn_failed(error: Exception) -> str:
    """What a sandbox could not do. The bare words of its operating system say nothing of what to do next."""
    if os.strerror(errno.ENOSPC) in str(error):
        return "The sandbox's disk is full: free some space, then send a message to go on."
    return str(error)

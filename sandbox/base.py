"""The contract that every kind of sandbox keeps; `tests/sandbox/test_conformance.py` holds each of them to it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sandbox.client import GuestClient


class Phase(StrEnum):
    """How a sandbox is, as far as the platform can tell."""

    RUNNING = "RUNNING"
    UNREACHABLE = "UNREACHABLE"
    STOPPED = "STOPPED"
    GONE = "GONE"


@dataclass(frozen=True)
class Capabilities:
    """What a kind of sandbox can do; tests ask for these by `@pytest.mark.needs`, never for a kind by name."""

    can_confine: bool
    """What runs inside sees no file, process or network of the server."""
    can_mount: bool
    """Folders of the server can be shown inside at the path of the mount."""
    can_pty: bool
    """Terminals can be opened."""
    can_reattach: bool
    """Agents and terminals live on when the server ends, and are found again by the handle."""
    can_control_terminals: bool = True
    """The kernel turns keys of a terminal into signals (Ctrl-C), and programs find theirs as /dev/tty."""
    can_bound_memory: bool = False
    """What takes too much memory is ended, and nothing beside the sandbox feels it."""
    has_own_kernel: bool = False
    """Rights that a program gets inside, such as namespaces of its own, are worth nothing to the server's kernel."""
    has_gateway_socket: bool = True
    """The gateway's socket is inside, at `paths().gateway_socket`; else the agent calls the server's public address."""
    can_lend_agent: bool = True
    """An SSH agent that the operator lends is led inside, at `paths().ssh_agent`."""
    reaches: str = ""
    """What programs inside reach on purpose besides the gateway: a network's name, or hosts; empty: nothing."""
    limits: tuple[str, ...] = ()
    """What one sandbox cannot take all of: "memory", "processes", "file size", …"""


class Sandbox(ABC):
    """A place where agents work. Made by `open_sandbox`, found again by `attach_sandbox`; never built directly.

    The life of a sandbox:

        open_sandbox ──▶ RUNNING ◀──▶ UNREACHABLE
                            │              │
                            └──── stop, crash, lifetime, reboot ──▶ STOPPED ── destroy ──▶ GONE

    Objects hold no connection and no process: dropping one changes nothing, and any number of servers may hold the
    same sandbox.
    """

    capabilities: Capabilities

    @property
    @abstractmethod
    def handle(self) -> dict[str, Any]:
        """What to keep (plain JSON, no secret), so that `attach_sandbox` finds this sandbox after a restart."""

    @property
    @abstractmethod
    def guest(self) -> GuestClient:
        """The way to everything inside. It may be kept; each call makes a connection of its own.

        Every call may raise SandboxGone (the sandbox has ended), GuestSilent (no answer in time) or BadAnswer.
        """

    @abstractmethod
    async def poll(self) -> Phase:
        """Say how the sandbox is, within about 3 seconds; may be called at any time, by any number of callers.

        Returns:
            RUNNING: the guest answered just now.
            UNREACHABLE: its first process lives, the guest did not answer: overloaded or frozen. Ask again; `stop`
                still works.
            STOPPED: nothing of it runs any more (stopped, crashed, lifetime over, machine rebooted, handle of another
                boot), its files are still there. `destroy` it, or open the same spec again to go on with the files.
            GONE: neither processes nor files. Also for a sandbox that was never there.

        While `open_sandbox` is still running there is no object to ask; an attached one may answer UNREACHABLE or
        STOPPED then.
        During `stop` the answer is RUNNING or UNREACHABLE until the last process has ended. Never raises SandboxError.
        """

    async def glance(self) -> Phase:
        """Like `poll`, but without a word to the guest where the platform can tell.

        RUNNING then only says that the first process lives, and the sandbox's lifetime goes on running out.
        """
        return await self.poll()

    async def cause(self) -> str:
        """Why a sandbox that is STOPPED or GONE has ended, as a sentence for people."""
        return "The sandbox ended."

    async def contain(self) -> bool:
        """End a sandbox whose files have outgrown what they may take; whether that was so. `cause` then says it.

        Cheap while little changes, so that it can be asked every few seconds. The files stay. Kinds whose `limits` do
        not name "disk" do nothing. Raises: SandboxError.
        """
        return False

    @abstractmethod
    async def stop(self, grace_s: float = 5.0) -> None:
        """End every process of the sandbox: TERM, after `grace_s` KILL. Files stay. Does nothing in STOPPED and GONE.

        When it returns, nothing of the sandbox runs. Raises: SandboxError if a process cannot be ended (never seen; the
        caller keeps the handle and tries again).
        """

    @abstractmethod
    async def destroy(self) -> None:
        """`stop` without a long grace, and remove every trace: `poll` answers GONE from then on. Repeatable."""

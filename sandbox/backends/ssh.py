"""Sandboxes on machines reached over SSH. They confine nothing: what runs there may do all that the account may."""

from __future__ import annotations

import asyncio
import contextlib
import time
from dataclasses import replace
from typing import Any

from sandbox import limits
from sandbox.base import Capabilities, Phase, Sandbox
from sandbox.carrier import API, SSH_AGENT
from sandbox.client import GuestClient
from sandbox.connection import Streams
from sandbox.distant import DistantGuest
from sandbox.errors import BackendUnavailable, SandboxError, SandboxGone, SandboxRefused, Unreachable
from sandbox.spec import SshSpec
from sandbox.ssh import ways
from sandbox.ssh.commands import ask

POLL_TIMEOUT_S = 2.5
CONNECT_S = 8.0  # for so long a call waits for the network
PAUSE_S = 0.25
GLANCE_TIMEOUT_S = 3.0
LIST_TIMEOUT_S = 15.0
MAX_ROOT = 200  # characters
MAX_ID = 100
AGAIN = "Try again."
UNUSED = "ended: lifetime"  # the guest's last word in its log
CAPABILITIES = Capabilities(
    can_confine=False, can_mount=False, can_pty=True, can_reattach=True, limits=limits.in_force(is_confined=False)
)


class SshSandbox(Sandbox):
    """One folder of a remote account and what runs in it; connections are the process's, not this object's."""

    capabilities = CAPABILITIES

    def __init__(self, spec: SshSpec, handle: dict[str, Any]) -> None:
        self._spec = spec
        self._handle = handle
        self._root = str(handle["root"])
        self._guest = DistantGuest(self._connect)

    @property
    def handle(self) -> dict[str, Any]:
        return self._handle

    @property
    def guest(self) -> GuestClient:
        return self._guest

    async def poll(self) -> Phase:
        try:
            if (await self._guest.hello(timeout_s=POLL_TIMEOUT_S)).pid == self._handle["pid"]:
                return Phase.RUNNING
        except SandboxError:
            pass  # The machine itself tells more.
        phase = await self.glance()
        return Phase.UNREACHABLE if phase is Phase.RUNNING else phase

    async def glance(self) -> Phase:
        """Asks the machine, not the guest; UNREACHABLE is all that can be said without a network."""
        try:
            seen = await self._look()
        except SandboxError:
            return Phase.UNREACHABLE
        if seen.get("is_alive") is True:
            return Phase.RUNNING
        return Phase.STOPPED if seen.get("has_folder") is True else Phase.GONE

    async def cause(self) -> str:
        host = self._spec.account.host
        try:
            seen = await self._look()
        except SandboxError as error:
            return error.message
        if seen.get("boot") != self._handle["boot"]:
            return f"The machine {host}, which the sandbox ran on, was restarted."
        if seen.get("has_folder") is not True:
            return f"The sandbox's folder on {host} was removed."
        if str(seen.get("log_tail")).endswith(UNUSED):
            return "The sandbox had not been used for long and was put away."
        return f"The sandbox was killed on {host}."

    async def stop(self, grace_s: float = 5.0) -> None:
        await self._end("end", grace_s)

    async def destroy(self) -> None:
        await self._end("remove", 0.5)

    async def _end(self, verb: str, grace_s: float) -> None:
        """The guest ends what it can by asking; whatever is left then, the machine ends."""
        with contextlib.suppress(SandboxError):
            await self._guest.hello(timeout_s=POLL_TIMEOUT_S)
            await self._guest.stop(grace_s)
        ended = await self._command(verb, machine_id=self._spec.machine_id)
        if ended.get("left") != 0:
            raise SandboxError(f"Some processes of the sandbox on {self._spec.account.host} cannot be ended.")
        await ways.leave(self._spec.account, self._root)

    async def _look(self) -> dict[str, Any]:
        return await self._command("look", timeout_s=GLANCE_TIMEOUT_S)

    async def _command(self, verb: str, *, timeout_s: float = 30.0, **fields: Any) -> dict[str, Any]:
        names = {name: self._handle[name] for name in ("pid", "start", "boot")}
        request = {"verb": verb, "folder": self._spec.folder, **names, **fields}
        return await ask(self._spec.account, self._spec.work_dir, request, timeout_s=timeout_s)

    async def _connect(self) -> Streams:
        """A way to the guest's socket; a connection that has just broken is made anew."""
        deadline = time.monotonic() + CONNECT_S
        while True:
            try:
                return await self._way()
            except Unreachable:
                if time.monotonic() + PAUSE_S > deadline:
                    raise
            await asyncio.sleep(PAUSE_S)

    async def _way(self) -> Streams:
        account = self._spec.account
        way = await ways.way_to(account, self._root, self._find_way)
        try:
            streams = await way.connect()
        except ways.Forbidden as error:
            await self._forbid(way, error)
            way = await ways.way_to(account, self._root, self._find_way)
            streams = await way.connect()
        way.keep(self._spec.gateway_dir, _sockets(self._spec))
        return streams

    async def _find_way(self) -> ways.Way:
        account, spec = self._spec.account, self._spec
        if (way := await ways.channel_way(account, self._root)) is not None:
            return way
        try:
            return await ways.trunk_way(account, spec.work_dir, spec.folder)
        except SandboxGone:
            if (await self._look()).get("is_alive") is not True:
                raise
        return await ways.trunk_way(account, spec.work_dir, spec.folder)  # looking has brought what was missing

    async def _forbid(self, way: ways.Way, error: ways.Forbidden) -> None:
        """The server does not lead to sockets, if somebody listens there. Raises: SandboxGone (nobody does)."""
        if (await self._look()).get("is_alive") is not True:
            raise SandboxGone from error
        way.line.can_forward = False
        await ways.leave(self._spec.account, self._root)


class SshBackend:
    """Makes and finds sandboxes on remote accounts."""

    async def open(self, spec: SshSpec) -> SshSandbox:
        _check(spec)
        request = {
            "verb": "open",
            "folder": spec.folder,
            "machine_id": spec.machine_id,
            "deployment": spec.deployment,
            "lifetime_s": spec.lifetime_s,
            "sockets": _sockets(spec),
        }
        made = SshSandbox(spec, _handle(spec, await ask(spec.account, spec.work_dir, request)))
        try:
            await made.guest.hello()
        except SandboxError as error:
            await made.stop(grace_s=0)
            if isinstance(error, BackendUnavailable):
                raise
            raise BackendUnavailable(
                f"The sandbox on {spec.account.host} does not answer: {error.message}", hint=AGAIN
            ) from error
        return made

    def attach(self, spec: SshSpec, handle: dict[str, Any]) -> SshSandbox:
        if handle.get("version") != 1 or handle.get("place") != _place(spec):
            raise SandboxRefused("This handle belongs to another sandbox.")
        return SshSandbox(spec, _handle(spec, handle))

    async def find(self, spec: SshSpec) -> SshSandbox | None:
        """The sandbox that an earlier call made here, if that call ended before it could tell."""
        return (await self._running(spec)).get(spec.machine_id)

    async def running(self, spec: SshSpec) -> dict[str, Sandbox]:
        """Those of all folders of the work directory that carry this deployment's name."""
        return dict(await self._running(spec))

    async def _running(self, spec: SshSpec) -> dict[str, SshSandbox]:
        request = {"verb": "list", "deployment": spec.deployment}
        handles = (await ask(spec.account, spec.work_dir, request, timeout_s=LIST_TIMEOUT_S)).get("sandboxes")
        made = {}
        for folder, handle in handles.items() if isinstance(handles, dict) else ():
            machine_id = handle.get("machine_id") if isinstance(handle, dict) else None
            if isinstance(machine_id, str) and 0 < len(machine_id) <= MAX_ID:
                known = replace(spec, folder=folder, machine_id=machine_id)
                with contextlib.suppress(SandboxError):
                    made[machine_id] = SshSandbox(known, _handle(known, handle))
        return made


backend = SshBackend()


def _sockets(spec: SshSpec) -> tuple[str, ...]:
    """Which of ours are led inside."""
    if spec.gateway_dir is None:
        return ()
    return (API, SSH_AGENT) if spec.lends_agent else (API,)


def _check(spec: SshSpec) -> None:
    if spec.lifetime_s <= 0 or not spec.folder:
        raise SandboxRefused("The sandbox needs a folder of its own and a lifetime.")
    if not spec.machine_id or not spec.machine_id.isascii() or not spec.machine_id.isprintable():
        raise SandboxRefused("The machine's id must be plain text.")
    if len(spec.machine_id) > MAX_ID:
        raise SandboxRefused("The machine's id is too long.")


def _handle(spec: SshSpec, value: dict[str, Any]) -> dict[str, Any]:
    """What is kept of a machine's answer; it is the machine's word, so each part is looked at.

    Raises: SandboxRefused.
    """
    pid, start, boot, root = (value.get(name) for name in ("pid", "start", "boot", "root"))
    is_process = isinstance(pid, int) and isinstance(start, int) and pid > 1
    is_root = isinstance(root, str) and len(root) <= MAX_ROOT and root.isprintable() and root.startswith("/")
    if not is_process or not is_root or not isinstance(boot, str) or not str(root).endswith(f"/{spec.folder}"):
        raise SandboxRefused("This handle belongs to another sandbox.")
    process = {"pid": pid, "start": start, "boot": boot}
    return {"version": 1, "id": f"{pid} on {spec.account.host}", "place": _place(spec), "root": root, **process}


def _place(spec: SshSpec) -> list[str]:
    return [*spec.place, spec.folder]

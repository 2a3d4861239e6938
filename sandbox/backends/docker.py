"""Sandboxes in containers of a Docker engine on this machine: runc, or gVisor (runsc) with a kernel of its own."""

from __future__ import annotations

import asyncio
import contextlib
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

from aiodocker import Docker

from sandbox import folders
from sandbox.base import Capabilities, Phase, Sandbox
from sandbox.client import GuestClient
from sandbox.connection import Streams
from sandbox.docker import causes, containers, homes, labels, processors, profile, quota, reach, volumes
from sandbox.docker.engine import engine
from sandbox.errors import BackendUnavailable, SandboxError, SandboxRefused
from sandbox.guest_archive import guest_archive
from sandbox.spec import DockerSpec

START_TIMEOUT_S = 60.0  # gVisor on a busy machine
SOCKET_WAIT_S = 3.0  # after it a guest in gVisor is asked by exec, should its socket not be for us
POLL_TIMEOUT_S = 2.5
ASK_TIMEOUT_S = 10.0
RETRY_S = 0.02
NEEDS = "The image needs python3 (3.8 or later) and git; deploy/sandbox/Dockerfile makes one that has all."
NOT_APART = ("host", "default", "")
MACHINE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,127}")  # becomes the container's name
VOLUME = re.compile(r"[A-Za-z0-9_.-]{1,100}")


class DockerSandbox(Sandbox):
    """One container; the truth about it is what the engine says of it, and its folder."""

    def __init__(self, spec: DockerSpec, container: str) -> None:
        self.capabilities = Capabilities(
            can_confine=True,
            can_mount=True,
            can_pty=True,
            can_reattach=True,
            can_control_terminals=spec.runtime == "runc",  # gVisor's terminals know no keys
            can_bound_memory=True,
            has_own_kernel=spec.runtime == "runsc",
            reaches="" if spec.network == "none" else spec.network,
            limits=("memory", "processes", "processors", "file size", "open files", "disk"),
        )
        self._spec = spec
        self._container = container
        self._guest = GuestClient(self._connect)

    @property
    def handle(self) -> dict[str, Any]:
        return {"version": 1, "root": str(self._spec.root), "id": self._container}

    @property
    def guest(self) -> GuestClient:
        return self._guest

    async def poll(self) -> Phase:
        phase = await self.glance()
        if phase is not Phase.RUNNING:
            return phase
        try:
            await self._guest.hello(timeout_s=POLL_TIMEOUT_S)
        except SandboxError:
            phase = await self.glance()
            return Phase.UNREACHABLE if phase is Phase.RUNNING else phase
        return Phase.RUNNING

    async def glance(self) -> Phase:
        try:
            state = await self._state()
        except SandboxError:
            return Phase.UNREACHABLE  # the engine is away; its containers need not be
        if state is not None and state["Running"]:
            return Phase.RUNNING
        return Phase.STOPPED if self._spec.root.is_dir() else Phase.GONE

    async def cause(self) -> str:
        if not self._spec.root.is_dir():
            return "The sandbox's folder was removed."
        async with engine(self._spec.engine, timeout_s=ASK_TIMEOUT_S) as client:
            state = await containers.state_of(client, self._container)
            said = await containers.last_words(client, self._container) if state else ""
        is_ended = state is not None and not state["Running"]
        return (is_ended and homes.noted(self._spec, self._container)) or causes.cause_of(state, said, self._spec)

    async def contain(self) -> bool:
        reason = await quota.watch.excess(self._spec)
        if reason:
            homes.note(self._spec, self._container, reason)
            async with engine(self._spec.engine) as client:
                await containers.kill(client, self._container)  # at once: it goes on filling meanwhile
        return bool(reason)

    async def stop(self, grace_s: float = 5.0) -> None:
        if await self.glance() not in (Phase.RUNNING, Phase.UNREACHABLE):
            return
        try:
            await self._guest.hello(timeout_s=POLL_TIMEOUT_S)
            await self._guest.stop(grace_s)
        except SandboxError:
            pass  # It would not listen: the engine ends it.
        async with engine(self._spec.engine) as client:
            await containers.kill(client, self._container)

    async def destroy(self) -> None:
        await self.stop(grace_s=0.5)
        quota.watch.forget(self._spec.machine_id)
        async with engine(self._spec.engine) as client:
            await containers.remove(client, self._container)
            await _remove_all(client, self._spec)
            await volumes.remove(client, self._spec)
        await asyncio.to_thread(folders.remove_tree, self._spec.root)

    async def _state(self) -> containers.State | None:
        """What the engine says of the container; None when it has none."""
        async with engine(self._spec.engine, timeout_s=ASK_TIMEOUT_S) as client:
            return await containers.state_of(client, self._container)

    async def _connect(self) -> Streams:
        folder = self._spec.root / "socket"
        if self._spec.runtime == "runc" or reach.has_socket(folder):
            return await reach.by_socket(folder)
        return await reach.by_exec(self._spec.engine, self._container, str(homes.owner()))


class DockerBackend:
    """Makes and finds containers."""

    async def open(self, spec: DockerSpec) -> DockerSandbox:
        _check(spec)
        is_new = not spec.root.exists()
        try:
            with folders.locked(spec.root):
                return await self.find(spec) or await _make(homes.as_it_is(spec))
        except SandboxError:
            if is_new:
                await _forget(spec)
            raise

    def attach(self, spec: DockerSpec, handle: dict[str, Any]) -> DockerSandbox:
        container = handle.get("id")
        is_ours = handle.get("version") == 1 and handle.get("root") == str(spec.root)
        if not is_ours or not isinstance(container, str) or not container.isalnum():
            raise SandboxRefused("This handle belongs to another sandbox.")
        return DockerSandbox(spec, container)

    async def find(self, spec: DockerSpec) -> DockerSandbox | None:
        its = {labels.ROOT: str(spec.root), labels.MACHINE: spec.machine_id}
        async with engine(spec.engine, timeout_s=ASK_TIMEOUT_S) as client:
            found = await containers.labelled(client, its, only_running=True)
        return DockerSandbox(spec, found[0].id) if found else None

    async def running(self, spec: DockerSpec) -> dict[str, Sandbox]:
        """The deployment's containers at this engine."""
        ours = {labels.DEPLOYMENT: spec.deployment, labels.MACHINE: "", labels.ROOT: ""}
        async with engine(spec.engine, timeout_s=ASK_TIMEOUT_S) as client:
            found = await containers.labelled(client, ours, only_running=True)
        sandboxes: dict[str, Sandbox] = {}
        for container in found:
            told = container["Labels"]
            its = replace(spec, machine_id=told[labels.MACHINE], root=Path(told[labels.ROOT]))
            sandboxes[its.machine_id] = DockerSandbox(its, container.id)
        return sandboxes


backend = DockerBackend()


def _check(spec: DockerSpec) -> None:
    folders.check_owned(spec.root.parent)
    folders.check_targets(mount.target for mount in spec.mounts)
    if spec.lifetime_s <= 0 or not MACHINE_ID.fullmatch(spec.machine_id):
        raise SandboxRefused("The sandbox needs an id in plain text and a lifetime.")
    if spec.network in NOT_APART or ":" in spec.network:
        raise SandboxRefused("A sandbox never shares the network of the server or of another container.")
    if spec.storage == "volume" and not VOLUME.fullmatch(spec.root.name):
        raise SandboxRefused("The sandbox's folder has a name that no volume can have.")
    if not spec.image:
        raise SandboxRefused("Docker says no: no image was named.")


async def _make(spec: DockerSpec) -> DockerSandbox:
    """A container that answers. What differs from the profile, or does not answer, is removed again."""
    owner = homes.owner()
    archive = guest_archive(spec.root.parent / ".guest")
    async with engine(spec.engine) as client:
        await _remove_all(client, spec)
        wanted = profile.container(spec, owner, archive, spared=await processors.to_spare(client))
        await asyncio.to_thread(homes.make, spec, owner)
        if spec.storage == "volume":
            await volumes.make(client, spec, owner)
        made = await client.containers.create(wanted, name=f"slipway-{spec.machine_id}")
        try:
            if wrong := profile.differences(wanted, await made.show()):
                raise SandboxRefused(f"Docker made the container otherwise than asked: {', '.join(wrong)}.")
            await made.start()
            sandbox = DockerSandbox(spec, made.id)
            await _until_answers(sandbox, client, spec)
        except BaseException:
            await containers.remove(client, made.id)
            raise
    return sandbox


async def _forget(spec: DockerSpec) -> None:
    """Remove a home that was never used; volumes that cannot be reached now are tidied away later."""
    if spec.storage == "volume":
        with contextlib.suppress(SandboxError):
            async with engine(spec.engine, timeout_s=ASK_TIMEOUT_S) as client:
                await volumes.remove(client, spec)
    await asyncio.to_thread(folders.remove_tree, spec.root)


async def _remove_all(client: Docker, spec: DockerSpec) -> None:
    """Whatever containers were made of this folder, for whichever machine: one at a time has it."""
    for left in await containers.labelled(client, {labels.ROOT: str(spec.root)}, only_running=False):
        await containers.remove(client, left.id)


async def _until_answers(sandbox: DockerSandbox, client: Docker, spec: DockerSpec) -> None:
    """Raises: BackendUnavailable (it ended, or said nothing; with the last words of its log)."""
    clock = asyncio.get_running_loop().time
    began, container = clock(), sandbox.handle["id"]
    while True:
        try:
            if reach.has_socket(spec.root / "socket") or clock() - began > SOCKET_WAIT_S:
                await sandbox.guest.hello(timeout_s=START_TIMEOUT_S)
                return
        except SandboxError as error:
            reason = error
        else:
            reason = SandboxError("It said nothing.")
        state = await containers.state_of(client, container)
        if state is None or not state["Running"] or clock() - began > START_TIMEOUT_S:
            said = await containers.last_words(client, container)
            raise BackendUnavailable(f"The sandbox did not start: {said or reason}", hint=NEEDS) from reason
        await asyncio.sleep(RETRY_S)

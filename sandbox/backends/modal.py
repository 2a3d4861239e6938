"""Sandboxes at Modal: found by name, reused while warm, made again on their volumes."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import modal
from modal.exception import AlreadyExistsError, NotFoundError, SandboxTimeoutError

from sandbox.base import Capabilities, Phase, Sandbox
from sandbox.client import GuestClient
from sandbox.connection import Streams
from sandbox.distant import DistantGuest
from sandbox.errors import BackendUnavailable, SandboxError, SandboxGone, SandboxRefused
from sandbox.modal import entry, storage
from sandbox.modal.access import clients, mapped
from sandbox.modal.image import image_of
from sandbox.modal.lines import Address, lines
from sandbox.spec import ModalSpec

VERSION = 1
START_TIMEOUT_S = 120.0
POLL_TIMEOUT_S = 2.5
ASK_TIMEOUT_S = 15.0
END_TIMEOUT_S = 15.0
STEP_S = 0.05
MOST_S = 24 * 3600  # Modal ends every sandbox then
TIMED_OUT, TERMINATED = 124, 137
START_HINT = (
    "Look at the sandbox's log at modal.com, and run `python manage.py modal_setup` when the image is in doubt."
)

CAPABILITIES = Capabilities(
    can_confine=True,
    can_mount=False,
    can_pty=True,
    can_reattach=True,
    can_lend_agent=False,  # the operator's keys would be lent to another company's machines
    limits=("memory", "processors", "file size", "open files"),
)


class ModalSandbox(Sandbox):
    """One sandbox at Modal; the truth about it is what Modal says of its id, and what lies on the volumes."""

    def __init__(self, spec: ModalSpec, sandbox_id: str, made: modal.Sandbox | None = None) -> None:
        reached = "" if spec.block_network else ", ".join(spec.domains) or "*"
        self.capabilities = replace(CAPABILITIES, reaches=reached)
        self._spec = spec
        self._id = sandbox_id
        self._made = made  # for the first conversation, which takes it over
        self.address = Address(spec.credential, sandbox_id, spec.gateway_dir)
        self._guest = DistantGuest(self._connect)

    @property
    def handle(self) -> dict[str, Any]:
        return {"version": VERSION, "id": self._id, "name": name_of(self._spec)}

    @property
    def guest(self) -> GuestClient:
        return self._guest

    async def poll(self) -> Phase:
        answer = asyncio.create_task(self._guest.hello(timeout_s=POLL_TIMEOUT_S))
        phase = asyncio.create_task(self.glance())
        await asyncio.wait({answer, phase})
        if answer.exception() is None:
            return Phase.RUNNING
        return Phase.UNREACHABLE if phase.result() is Phase.RUNNING else phase.result()

    async def glance(self) -> Phase:
        try:
            async with asyncio.timeout(POLL_TIMEOUT_S):
                if await self._runs():
                    return Phase.RUNNING
                return Phase.STOPPED if await storage.has_files(self._spec) else Phase.GONE
        except (TimeoutError, SandboxError):
            return Phase.UNREACHABLE

    async def cause(self) -> str:
        try:
            with mapped():
                code = await _wait(await self._found())
        except SandboxGone:
            return "Modal does not know the sandbox any more."
        except SandboxError as error:
            return f"Why the sandbox ended is not known. {error.message}"
        if code == TIMED_OUT:
            return f"Modal ended the sandbox after {_words(self._spec.longest_s)}, the longest that it may live."
        if code == TERMINATED:
            return "The sandbox was ended at Modal, or was killed because its memory was used up."
        if code == 0:  # Modal's idle timeout leaves no code, and so does a guest without word from us
            return "The sandbox had not been used for long and was put away."
        return f"The sandbox's first process ended with code {code}."

    async def stop(self, grace_s: float = 5.0) -> None:
        with mapped():
            try:
                handle = await self._found()
            except NotFoundError:
                return
            if await handle.poll.aio() is None:
                await self._stop_guest(handle, grace_s)
            if await handle.poll.aio() is None:
                await handle.terminate.aio(wait=True)
        await lines.hang_up(self.address)

    async def destroy(self) -> None:
        await self.stop(grace_s=0.5)
        await storage.remove(self._spec)

    async def _stop_guest(self, handle: modal.Sandbox, grace_s: float) -> None:
        """Ask the guest, which ends the sandbox with it, and what is to be kept is put away."""
        try:
            await self._guest.hello(timeout_s=POLL_TIMEOUT_S)
            await self._guest.stop(grace_s)
            async with asyncio.timeout(END_TIMEOUT_S):
                await _wait(handle)
        except (SandboxError, TimeoutError):
            return  # It would not listen: Modal ends it.

    async def _runs(self) -> bool:
        try:
            with mapped():
                return await (await self._found()).poll.aio() is None
        except SandboxGone:
            return False

    async def _found(self) -> modal.Sandbox:
        return await modal.Sandbox.from_id.aio(self._id, client=await clients.client(self._spec.credential))

    async def _connect(self) -> Streams:
        made, self._made = self._made, None
        return await lines.connect(self.address, made)


class ModalBackend:
    """Makes and finds sandboxes at Modal."""

    async def open(self, spec: ModalSpec) -> ModalSandbox:
        found = await self.prewarm(spec)
        try:
            await _await_guest(found)
        except BaseException as error:
            await found.stop(grace_s=0)
            if isinstance(error, SandboxGone | TimeoutError):
                message = f"The sandbox did not start. {await found.cause()}"
                raise BackendUnavailable(message, hint=START_HINT) from error
            raise
        return found

    async def prewarm(self, spec: ModalSpec) -> ModalSandbox:
        """Let Modal make the sandbox, or find it, without waiting until it has started; `open` goes on from there."""
        _check(spec)
        found, app = await asyncio.gather(self.find(spec), _app(spec))
        return found or await self._create(spec, app)

    def attach(self, spec: ModalSpec, handle: dict[str, Any]) -> ModalSandbox:
        sandbox_id = handle.get("id")
        is_ours = handle.get("version") == VERSION and handle.get("name") == name_of(spec)
        if not is_ours or not isinstance(sandbox_id, str):
            raise SandboxRefused("This handle belongs to another sandbox.")
        return ModalSandbox(spec, sandbox_id)

    async def find(self, spec: ModalSpec) -> ModalSandbox | None:
        """The sandbox on these files, if it is warm; whoever finds it says whose machine it is now."""
        with mapped():
            client = await clients.client(spec.credential)
            try:
                handle = await modal.Sandbox.from_name.aio(spec.app, name_of(spec), client=client)
            except NotFoundError:
                return None
            if await handle.poll.aio() is not None:
                return None
            if await handle.get_tags.aio() != tags_of(spec):
                await handle.set_tags.aio(tags_of(spec))
        return ModalSandbox(spec, handle.object_id)

    async def running(self, spec: ModalSpec) -> dict[str, Sandbox]:
        """The sandboxes of the spec's deployment that run in its app, by machine id."""
        with mapped():
            async with asyncio.timeout(ASK_TIMEOUT_S):
                client, app = await clients.client(spec.credential), await _app(spec)
                listing = modal.Sandbox.list.aio(app_id=app.app_id, tags={"deployment": spec.deployment}, client=client)
                handles = [handle async for handle in listing]
                tags = await asyncio.gather(*(handle.get_tags.aio() for handle in handles))
        return {
            each.get("machine", ""): ModalSandbox(spec, handle.object_id)
            for handle, each in zip(handles, tags, strict=True)
        }

    async def _create(self, spec: ModalSpec, app: modal.App) -> ModalSandbox:
        with mapped():
            client = await clients.client(spec.credential)
            try:
                handle = await modal.Sandbox.create.aio(
                    *entry.first_command(spec),
                    app=app,
                    client=client,
                    name=name_of(spec),
                    tags=tags_of(spec),
                    image=image_of(spec, client),
                    volumes=await storage.volumes_of(spec),
                    timeout=min(spec.longest_s, MOST_S),
                    idle_timeout=spec.idle_timeout_s,
                    cpu=(spec.cpus, spec.cpus),
                    memory=(spec.memory_mb, spec.memory_mb),
                    block_network=spec.block_network,
                    outbound_domain_allowlist=list(spec.domains) if spec.domains and not spec.block_network else None,
                )
            except AlreadyExistsError:
                # Somebody was faster, or an answer was lost on its way to us.
                found = await self.find(spec)
                if found is None:
                    raise SandboxGone from None
                return found
        return ModalSandbox(spec, handle.object_id, handle)


backend = ModalBackend()


def name_of(spec: ModalSpec) -> str:
    """Modal lets one running sandbox of an app have a name: there cannot be two on the same files."""
    return f"slipway-{spec.deployment[:8]}-{spec.home_id}"


def tags_of(spec: ModalSpec) -> dict[str, str]:
    """By which it is found; an empty value is none."""
    tags = {**dict(spec.labels), "deployment": spec.deployment, "machine": spec.machine_id}
    return {name: value for name, value in tags.items() if value}


async def _app(spec: ModalSpec) -> modal.App:
    with mapped():
        client = await clients.client(spec.credential)
        return await modal.App.lookup.aio(spec.app, create_if_missing=True, client=client)


def _check(spec: ModalSpec) -> None:
    if spec.lifetime_s <= 0 or spec.longest_s <= 0 or spec.idle_timeout_s <= 0:
        raise SandboxRefused("The sandbox needs a lifetime.")
    for text in (spec.machine_id, spec.home_id, spec.organization_id, spec.deployment):
        if not text or not text.replace("-", "").isalnum() or not text.isascii():
            raise SandboxRefused("The ids of a sandbox must be plain text.")


async def _wait(handle: modal.Sandbox) -> int:
    """Wait until it has ended; its exit code, as Modal tells it."""
    try:
        await handle.wait.aio(raise_on_termination=False)
    except SandboxTimeoutError:
        return TIMED_OUT
    return handle.returncode or 0


async def _await_guest(sandbox: ModalSandbox) -> None:
    """Return once the guest answers. Raises: SandboxGone (it has ended), TimeoutError, SandboxError."""
    async with asyncio.timeout(START_TIMEOUT_S):
        while True:
            try:
                await sandbox.guest.hello(timeout_s=ASK_TIMEOUT_S)
                return
            except SandboxGone:
                if not await sandbox._runs():
                    raise
            await asyncio.sleep(STEP_S)


def _words(seconds: int) -> str:
    return f"{seconds // 3600} hours" if seconds >= 2 * 3600 else f"{max(seconds // 60, 1)} minutes"

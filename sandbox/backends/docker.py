"""Sandboxes in containers of a Docker engine on this machine: runc, or gVisor (runsc) with a kernel of its own."""

from __future__ import annotations

import asyncio
import json
import os
import stat
from contextlib import AsyncExitStack
from typing import Any

from aiodocker import Docker, DockerError

from sandbox import folders, inside
from sandbox.base import Capabilities, Phase, Sandbox
from sandbox.client import GuestClient
from sandbox.connection import STREAM_LIMIT, Streams
from sandbox.docker import profile, talk
from sandbox.docker.engine import engine
from sandbox.docker.profile import Owner
from sandbox.errors import BackendUnavailable, SandboxError, SandboxGone, SandboxRefused
from sandbox.guest_archive import guest_archive
from sandbox.spec import DockerSpec

START_TIMEOUT_S = 60.0  # gVisor on a busy machine
POLL_TIMEOUT_S = 2.5
KILL_TIMEOUT_S = 15.0
FOLDERS = ("home", "work", "state", "socket")
RETRY_S = 0.02
KILLED = 137  # 128 + SIGKILL
NEEDS = "The image needs python3 (3.8 or later) and git."


class DockerSandbox(Sandbox):
    """One container; the truth about it is what the engine says of it, and its folder."""

    def __init__(self, spec: DockerSpec, container: str) -> None:
        self._spec = spec
        self._container = container
        self._guest = GuestClient(self._connect)
        has_groups = spec.runtime == "runc"  # gVisor is told to leave control groups alone where they are not its own
        self.capabilities = Capabilities(
            can_confine=True,
            can_mount=True,
            can_pty=True,
            can_reattach=True,
            limits=("file size", "open files", *(("memory", "processes", "processors") if has_groups else ())),
        )

    @property
    def handle(self) -> dict[str, Any]:
        return {"version": 1, "root": str(self._spec.root), "container": self._container}

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
        state = await self._state()
        if state is None:
            return "The container was removed."
        if state["OOMKilled"]:
            return f"The sandbox used more than its {self._spec.memory_bytes // 2**20} MB of memory and was killed."
        if state["ExitCode"] == 0:
            return "The sandbox had not been used for long and was put away."
        if state["ExitCode"] == KILLED:
            return "The sandbox was killed."
        return f"The sandbox ended with exit code {state['ExitCode']}."

    async def stop(self, grace_s: float = 5.0) -> None:
        if await self.glance() not in (Phase.RUNNING, Phase.UNREACHABLE):
            return
        try:
            await self._guest.hello(timeout_s=POLL_TIMEOUT_S)
            await self._guest.stop(grace_s)
        except SandboxError:
            pass  # It would not listen: the engine ends it.
        async with engine(self._spec.engine) as client:
            await _kill(client, self._container)

    async def destroy(self) -> None:
        await self.stop(grace_s=0.5)
        async with engine(self._spec.engine) as client:
            await _remove(client, self._container)
        await asyncio.to_thread(folders.remove_tree, self._spec.root)

    async def _state(self) -> dict[str, Any] | None:
        """What the engine says of the container; None when it has none."""
        async with engine(self._spec.engine) as client:
            return await _state(client, self._container)

    async def _connect(self) -> Streams:
        if self._spec.runtime == "runc":
            return await self._connect_socket()
        return await self._connect_exec()

    async def _connect_socket(self) -> Streams:
        """To the guest's socket, in a folder that the agent can write: only a socket in there is ever connected to."""
        folder = os.open(self._spec.root / "socket", os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        try:
            place = os.open(profile.SOCKET, os.O_PATH | os.O_NOFOLLOW, dir_fd=folder)
        finally:
            os.close(folder)
        try:
            if not stat.S_ISSOCK(os.fstat(place).st_mode):
                raise SandboxGone("The sandbox's socket is none.")
            return await asyncio.open_unix_connection(f"/proc/self/fd/{place}", limit=STREAM_LIMIT)
        finally:
            os.close(place)

    async def _connect_exec(self) -> Streams:
        """gVisor keeps its sockets to itself: a program inside carries each conversation."""
        call = ["python3", "-I", "-S", "-X", "utf8", inside.ARCHIVE, "call", "--state", profile.SOCKETS]
        async with AsyncExitStack() as stack:
            client = await stack.enter_async_context(engine(self._spec.engine))
            state = await _state(client, self._container)
            if state is None or not state["Running"]:
                raise SandboxGone
            streams = await talk.open_exec(client, self._container, call, str(_owner()))
            stack.pop_all()  # from here on the conversation closes the client
            return streams


class DockerBackend:
    """Makes and finds containers."""

    async def open(self, spec: DockerSpec) -> DockerSandbox:
        folders.check_owned(spec.root.parent)
        folders.check_targets(mount.target for mount in spec.mounts)
        if spec.lifetime_s <= 0 or not spec.machine_id.isascii() or not spec.machine_id.isprintable():
            raise SandboxRefused("The sandbox needs an id in plain text and a lifetime.")
        with folders.locked(spec.root):
            if (found := await self.find(spec)) is not None:
                return found
            return await self._make(spec)

    def attach(self, spec: DockerSpec, handle: dict[str, Any]) -> DockerSandbox:
        container = handle.get("container")
        is_ours = handle.get("version") == 1 and handle.get("root") == str(spec.root)
        if not is_ours or not isinstance(container, str) or not container.isalnum():
            raise SandboxRefused("This handle belongs to another sandbox.")
        return DockerSandbox(spec, container)

    async def find(self, spec: DockerSpec) -> DockerSandbox | None:
        async with engine(spec.engine) as client:
            running = await _containers(client, spec, all=False)
        return DockerSandbox(spec, running[0]) if running else None

    async def _make(self, spec: DockerSpec) -> DockerSandbox:
        owner = _owner()
        await asyncio.to_thread(_make_folders, spec, owner)
        wanted = profile.container(spec, owner, guest_archive(spec.root.parent / ".guest"))
        async with engine(spec.engine) as client:
            for left in await _containers(client, spec, all=True):
                await _remove(client, left)
            made = await client.containers.create(wanted, name=f"slipway-{spec.machine_id}")
            try:
                if wrong := profile.differences(wanted, await made.show()):
                    raise SandboxRefused(f"Docker made the container otherwise than asked: {', '.join(wrong)}.")
                await made.start()
                sandbox = DockerSandbox(spec, made.id)
                await _until_answers(sandbox, client, made.id)
            except BaseException:
                await _remove(client, made.id)
                raise
        return sandbox


backend = DockerBackend()


def _owner() -> Owner:
    """The usual user inside; a server that is not root can give folders to nobody but itself."""
    return Owner(inside.UID, inside.GID) if os.geteuid() == 0 else Owner(os.geteuid(), os.getegid())


def _make_folders(spec: DockerSpec, owner: Owner) -> None:
    for name in FOLDERS:
        path = spec.root / name
        path.mkdir(mode=0o700, exist_ok=True)
        if not stat.S_ISDIR(path.lstat().st_mode):
            raise SandboxRefused(f"{path} is not a folder of the server.")
        os.chown(path, owner.uid, owner.gid, follow_symlinks=False)
    texts = {
        "passwd": inside.PASSWD.replace(f":{inside.UID}:{inside.GID}:", f":{owner.uid}:{owner.gid}:"),
        "group": inside.GROUP.replace(f":{inside.GID}:", f":{owner.gid}:"),
    }
    for name, text in texts.items():
        (spec.root / name).write_text(text)
        (spec.root / name).chmod(0o644)


async def _until_answers(sandbox: DockerSandbox, client: Docker, container: str) -> None:
    """Raises: BackendUnavailable (it ended, or said nothing; with the last words of its log)."""
    deadline = asyncio.get_running_loop().time() + START_TIMEOUT_S
    while True:
        try:
            await sandbox.guest.hello(timeout_s=START_TIMEOUT_S)
            return
        except SandboxError as error:
            state = await _state(client, container)
            is_over = state is None or not state["Running"]
            if is_over or asyncio.get_running_loop().time() > deadline:
                said = "".join(await client.containers.container(container).log(stdout=True, stderr=True))[-2000:]
                raise BackendUnavailable(f"The sandbox did not start: {said.strip() or error}", hint=NEEDS) from error
        await asyncio.sleep(RETRY_S)


async def _containers(client: Docker, spec: DockerSpec, *, all: bool) -> list[str]:
    """Those that were made of this folder; only the ones that run unless `all`."""
    labels = {"label": [f"{profile.ROOT}={spec.root}"]}
    found = await client.containers.list(filters=json.dumps(labels), all="true" if all else "false")
    return [container.id for container in found]


async def _state(client: Docker, container: str) -> dict[str, Any] | None:
    try:
        state: dict[str, Any] = (await client.containers.get(container))["State"]
    except DockerError as error:
        if error.status == 404:
            return None
        raise
    return state


async def _kill(client: Docker, container: str) -> None:
    """KILL whatever still runs and wait until nothing does."""
    try:
        if (await _state(client, container) or {}).get("Running"):
            await client.containers.container(container).kill()
        await client.containers.container(container).wait(timeout=KILL_TIMEOUT_S)
    except DockerError as error:
        if error.status not in (404, 409):  # it ended meanwhile
            raise
    except TimeoutError as error:
        raise SandboxError("The container cannot be ended.") from error


async def _remove(client: Docker, container: str) -> None:
    try:
        await client.containers.container(container).delete(force=True, v=True)
    except DockerError as error:
        if error.status not in (404, 409):  # it is gone, or somebody else removes it now
            raise

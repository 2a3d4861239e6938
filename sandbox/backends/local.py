"""Sandboxes on the server's own machine: bubblewrap, or plain processes where the operator allows it."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from sandbox import bubblewrap, folders, inside, limits, memory
from sandbox.base import Capabilities, Phase, Sandbox
from sandbox.client import GuestClient
from sandbox.connection import STREAM_LIMIT, Streams
from sandbox.errors import BackendUnavailable, SandboxError, SandboxRefused
from sandbox.guest_archive import guest_archive
from sandbox.host_process import HostProcess, find_marked
from sandbox.spec import LocalSpec

START_TIMEOUT_S = 20.0
POLL_TIMEOUT_S = 2.5
FOLDERS = ("home", "work", "state", "tmp", "socket")
MARK = "SLIPWAY_SANDBOX"
UNUSED = "ended: lifetime"  # the guest's last word in the log
KILLED_LATELY_S = 60.0
SEE_LOG = "See the log of the sandbox."

# The shell leaves at once, so the sandbox is nobody's child: it outlives the server and leaves no zombie with it.
DETACH = '"$@" >&2 & echo $!'


class LocalSandbox(Sandbox):
    """One sandbox of this machine; the truth about it is its folder and its first process."""

    def __init__(self, spec: LocalSpec, process: HostProcess, *, is_confined: bool) -> None:
        self._spec = spec
        self._process = process
        self._is_confined = is_confined
        self._guest = GuestClient(self._connect)
        self.capabilities = Capabilities(
            can_confine=is_confined,
            can_mount=is_confined,
            can_pty=True,
            can_reattach=True,
            limits=limits.in_force(is_confined=is_confined),
        )

    @property
    def handle(self) -> dict[str, Any]:
        spec = self._spec
        ids = {"version": 1, "machine": spec.machine_id, "root": str(spec.root)}
        return {**ids, "is_confined": self._is_confined, **self._process.to_json()}

    @property
    def guest(self) -> GuestClient:
        return self._guest

    async def poll(self) -> Phase:
        if not self._process.is_alive():
            return Phase.STOPPED if self._spec.root.is_dir() else Phase.GONE
        try:
            await self._guest.hello(timeout_s=POLL_TIMEOUT_S)
        except SandboxError:
            return Phase.UNREACHABLE if self._process.is_alive() else await self.poll()
        return Phase.RUNNING

    async def glance(self) -> Phase:
        return Phase.RUNNING if self._process.is_alive() else await self.poll()

    async def cause(self) -> str:
        if not self._process.is_of_this_boot():
            return "The machine that the sandbox ran on was restarted."
        if not self._spec.root.is_dir():
            return "The sandbox's folder was removed."
        if _log_tail(self._spec).endswith(UNUSED):
            return "The sandbox had not been used for long and was put away."
        if memory.watch.has_killed(KILLED_LATELY_S):
            return "The sandbox was killed, most likely because the machine ran out of memory."
        return "The sandbox was killed."

    async def stop(self, grace_s: float = 5.0) -> None:
        if self._process.is_alive():
            try:
                await self._guest.hello(timeout_s=POLL_TIMEOUT_S)
                await self._guest.stop(grace_s)
                await self._process.wait(2.0)
            except SandboxError:
                pass  # It would not listen: the kernel ends it.
        if not await self._process.kill():
            raise SandboxError(f"Process {self._process.pid} of the sandbox cannot be ended.")
        await self._kill_leftovers()

    async def destroy(self) -> None:
        await self.stop(grace_s=0.5)
        await asyncio.to_thread(folders.remove_tree, self._spec.root)

    async def _kill_leftovers(self) -> None:
        """Without a pid namespace, processes may outlive a guest that was killed."""
        while not self._is_confined and (left := await asyncio.to_thread(find_marked, MARK, self._spec.machine_id)):
            for process in left:
                await process.kill()

    async def _connect(self) -> Streams:
        folder = os.open(self._spec.root / "socket", os.O_RDONLY | os.O_DIRECTORY)
        try:
            # A socket's address holds 107 bytes; the way through the descriptor is short however deep the folder is.
            return await asyncio.open_unix_connection(f"/proc/self/fd/{folder}/{inside.SOCKET}", limit=STREAM_LIMIT)
        finally:
            os.close(folder)


class LocalBackend:
    """Makes and finds local sandboxes."""

    async def open(self, spec: LocalSpec) -> LocalSandbox:
        is_confined = _is_confined(spec)
        _check(spec)
        with folders.locked(spec.root):
            found = self._alive(spec)
            if found is not None and _is_of(spec, found):
                return found
            if found is not None:
                await found.stop(grace_s=0.5)  # another machine's, of which nobody knows any more: one at a time
            process = await asyncio.to_thread(_launch, spec, is_confined)
            sandbox = LocalSandbox(spec, process, is_confined=is_confined)
            # Before anything is awaited: a server that dies here must find this sandbox, not make a second one.
            _keep_handle(spec.root, sandbox)
            try:
                await sandbox.guest.hello(timeout_s=START_TIMEOUT_S)
            except SandboxError as error:
                await sandbox.stop(grace_s=0)
                message = f"The sandbox did not start: {_log_tail(spec)}"
                raise BackendUnavailable(message, hint=bubblewrap.HINT) from error
            except BaseException:
                await process.kill()
                raise
            return sandbox

    def attach(self, spec: LocalSpec, handle: dict[str, Any]) -> LocalSandbox:
        process = HostProcess.from_json(handle)
        if process is None or handle.get("version") != 1 or handle.get("root") != str(spec.root):
            raise SandboxRefused("This handle belongs to another sandbox.")
        return LocalSandbox(spec, process, is_confined=handle.get("is_confined") is True)

    async def find(self, spec: LocalSpec) -> LocalSandbox | None:
        """The sandbox that an earlier call made here, if that call ended before it could tell."""
        found = self._alive(spec)
        return found if found is not None and _is_of(spec, found) else None

    def _alive(self, spec: LocalSpec) -> LocalSandbox | None:
        """What runs in the folder, whichever machine it was made for."""
        handle = _kept_handle(spec.root)
        try:
            found = self.attach(replace(spec, machine_id=handle.get("machine", spec.machine_id)), handle)
        except SandboxRefused:
            return None
        return found if found._process.is_alive() else None

    async def running(self, spec: LocalSpec) -> dict[str, Sandbox]:
        """Those of all folders beside the spec's own: a folder of sandboxes belongs to one deployment."""
        return await asyncio.to_thread(self._running, spec)

    def _running(self, spec: LocalSpec) -> dict[str, Sandbox]:
        found: dict[str, Sandbox] = {}
        for root in spec.root.parent.iterdir() if spec.root.parent.is_dir() else ():
            handle = _kept_handle(root)
            if isinstance(handle.get("machine"), str) and handle.get("root") == str(root):
                sandbox = self.attach(replace(spec, machine_id=handle["machine"], root=root), handle)
                if sandbox._process.is_alive():
                    found[handle["machine"]] = sandbox
        return found


backend = LocalBackend()


def _is_of(spec: LocalSpec, sandbox: LocalSandbox) -> bool:
    return bool(sandbox.handle["machine"] == spec.machine_id)


def _keep_handle(root: Path, sandbox: LocalSandbox) -> None:
    temporary = root / "handle.json.new"
    temporary.write_text(json.dumps(sandbox.handle))
    temporary.replace(root / "handle.json")


def _kept_handle(root: Path) -> dict[str, Any]:
    """What the sandbox's folder says of it; empty when there is no word."""
    try:
        handle = json.loads((root / "handle.json").read_text())
    except (OSError, ValueError):
        return {}
    return handle if isinstance(handle, dict) else {}


def _is_confined(spec: LocalSpec) -> bool:
    try:
        bubblewrap.find()
    except BackendUnavailable as error:
        if spec.allow_unconfined:
            return False
        raise BackendUnavailable(
            f"{error.problem} Without it the agent would run as the server's own user.", hint=error.hint
        ) from error
    return True


def _check(spec: LocalSpec) -> None:
    if not spec.root.name or spec.lifetime_s <= 0:
        raise SandboxRefused("The sandbox needs a folder of its own and a lifetime.")
    if not spec.machine_id or not spec.machine_id.isascii() or not spec.machine_id.isprintable():
        raise SandboxRefused("The machine's id must be plain text.")
    folders.check_owned(spec.root.parent)
    folders.check_targets(mount.target for mount in spec.mounts)


def _launch(spec: LocalSpec, is_confined: bool) -> HostProcess:
    """Start the first process with its listening socket, detached from this server."""
    for name in FOLDERS:
        folders.make_private(spec.root / name)
    archive = guest_archive(spec.root.parent / ".guest")
    with _listen(spec.root / "socket") as listener:
        if is_confined:
            return _launch_confined(spec, archive, listener)
        return _launch_plain(spec, archive, listener)


def _launch_confined(spec: LocalSpec, archive: Path, listener: socket.socket) -> HostProcess:
    bubblewrap.write_etc(spec.root / "etc")
    arguments = bubblewrap.arguments(spec, archive)
    places = ["--home", inside.HOME, "--work", inside.WORK, "--state", inside.STATE]
    if limits.bounds_processes():
        places += ["--max-processes", str(limits.MAX_PROCESSES)]
    guest = _guest_command(spec, bubblewrap.interpreter()[0], inside.ARCHIVE, listener, places)
    arguments_fd = os.memfd_create("arguments")
    info_reader, info_writer = os.pipe()
    try:
        os.write(arguments_fd, b"".join(os.fsencode(argument) + b"\0" for argument in arguments))
        os.lseek(arguments_fd, 0, os.SEEK_SET)
        command = [bubblewrap.find(), "--args", str(arguments_fd), "--info-fd", str(info_writer), "--", *guest]
        _detach(spec, command, (arguments_fd, info_writer, listener.fileno()))
        os.close(info_writer)
        info_writer = -1
        with open(info_reader, "rb", closefd=False) as file:
            info = file.read(65536)
    finally:
        for descriptor in (arguments_fd, info_reader, info_writer):
            if descriptor >= 0:
                os.close(descriptor)
    try:
        process = HostProcess.of(int(json.loads(info)["child-pid"]))
    except (ValueError, KeyError, TypeError):
        process = None
    if process is None:
        raise BackendUnavailable(f"bubblewrap could not start the sandbox: {_log_tail(spec)}", hint=bubblewrap.HINT)
    return process


def _launch_plain(spec: LocalSpec, archive: Path, listener: socket.socket) -> HostProcess:
    root = spec.root
    places = ["--home", str(root / "home"), "--work", str(root / "work"), "--state", str(root / "state"), "--subreaper"]
    if spec.gateway_dir is not None:
        places += ["--gateway", str(spec.gateway_dir)]
    pid = _detach(spec, _guest_command(spec, sys.executable, str(archive), listener, places), (listener.fileno(),))
    process = HostProcess.of(pid)
    if process is None:
        raise BackendUnavailable(f"The guest did not start: {_log_tail(spec)}", hint=SEE_LOG)
    return process


def _guest_command(spec: LocalSpec, python: str, archive: str, listener: socket.socket, places: list[str]) -> list[str]:
    role = ["serve", "--fd", str(listener.fileno()), "--label", spec.machine_id, "--lifetime", str(spec.lifetime_s)]
    return [python, "-I", "-S", "-X", "utf8", archive, *role, *places]


def _detach(spec: LocalSpec, command: list[str], descriptors: tuple[int, ...]) -> int:
    """Start a command that is nobody's child, with an empty environment; give its pid."""
    with (spec.root / "log").open("ab") as log:
        launcher = subprocess.run(
            ["/bin/sh", "-c", DETACH, "sh", *command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            cwd="/",
            env={},
            pass_fds=descriptors,
            start_new_session=True,
            timeout=START_TIMEOUT_S,
            check=True,
        )
    return int(launcher.stdout)


@contextmanager
def _listen(folder: Path) -> Iterator[socket.socket]:
    """A listening socket in the folder; our copy closes afterwards, so a dead sandbox refuses connections."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        (folder / inside.SOCKET).unlink(missing_ok=True)
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
            listener.bind(f"/proc/self/fd/{descriptor}/{inside.SOCKET}")
            listener.listen(128)
            yield listener
    finally:
        os.close(descriptor)


def _log_tail(spec: LocalSpec) -> str:
    try:
        text = (spec.root / "log").read_bytes()[-2000:].decode("utf-8", "replace").strip()
    except OSError:
        text = ""
    return text or "it left no word in its log"

"""What the local Modal runs a sandbox in: bubblewrap, with processes that come in later by nsenter."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

from sandbox import bubblewrap
from tests.fakes.modal.execs import Exec

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
PLACES = ("/tmp", "/run", "/opt", "/home", "/mnt")


@dataclass(frozen=True)
class Bind:
    """A file or folder of this machine at a place inside."""

    source: str
    target: str
    is_read_only: bool = False


class Box:
    """One sandbox's namespaces; its first process is the sandbox's own, and its end ends all others."""

    def __init__(self, folder: Path, binds: list[Bind], *, is_blocked: bool) -> None:
        self._folder = folder
        self._binds = binds
        self._is_blocked = is_blocked
        self._pid = 0

    async def start(self, argv: list[str]) -> Exec:
        """Start the first process, and return once commands can come in."""
        info, writer = os.pipe()
        try:
            command = [bubblewrap.find(), *self._arguments(), "--info-fd", str(writer), "--", *argv]
            first = await Exec.start(command, {}, pass_fds=(writer,))
        finally:
            os.close(writer)
        self._pid = await asyncio.to_thread(_child_pid, info)
        await asyncio.to_thread(self._wait, first)
        return first

    def _wait(self, first: Exec) -> None:
        while first.returncode is None and not self._is_up():
            time.sleep(0.002)

    def _is_up(self) -> bool:
        """The first process is there once all is mounted."""
        try:
            children = Path(f"/proc/{self._pid}/task/{self._pid}/children").read_text().split()
            return any(Path(f"/proc/{child}/comm").read_text().strip() != "bwrap" for child in children)
        except OSError:
            return False

    async def run(self, argv: list[str], environment: dict[str, str]) -> Exec:
        enter = ["nsenter", "-t", str(self._pid), "-U", "--preserve-credentials", "-m", "-p", "-u", "-i"]
        network = ["-n"] if self._is_blocked else []
        # A shell, so that a program which is missing is an exit code and no error.
        return await Exec.start(
            [*enter, *network, "--", "/bin/sh", "-c", 'exec "$@"', "sh", *argv], {"PATH": PATH, **environment}
        )

    def kill(self) -> None:
        if self._pid:
            try:
                os.kill(self._pid, signal.SIGKILL)  # the first process of the namespace: all in it ends with it
            except ProcessLookupError:
                self._pid = 0

    def _arguments(self) -> list[str]:
        skipped = {"--as-pid-1", "--new-session"} | (set() if self._is_blocked else {"--unshare-net"})
        arguments = [part for part in bubblewrap.NAMESPACES if part not in skipped]
        etc, scratch = self._folder / "etc", self._folder / "tmp"
        etc.mkdir(parents=True, exist_ok=True)
        bubblewrap.write_etc(etc)
        scratch.mkdir(exist_ok=True)
        arguments += [*bubblewrap.system_binds(), *bubblewrap.etc_binds(etc)]
        for place in PLACES:
            arguments += ["--dir", place]
        arguments += ["--bind", str(scratch), "/tmp"]
        for bind in self._binds:
            arguments += ["--ro-bind" if bind.is_read_only else "--bind", bind.source, bind.target]
        arguments += ["--setenv", "PATH", PATH, "--setenv", "MODAL_SANDBOX_ID", self._folder.name]
        return [*arguments, "--remount-ro", "/dev", "--remount-ro", "/", "--die-with-parent", "--chdir", "/"]


def _child_pid(info: int) -> int:
    """The number of the namespace's first process, as bubblewrap tells it; 0 when it could not start."""
    with open(info, "rb") as file:
        said = file.read()
    return int(json.loads(said)["child-pid"]) if said else 0

"""A sandbox over SSH against the bare `ssh` program, on a real server of this machine."""

from __future__ import annotations

import asyncio
import statistics
import subprocess
import tempfile
import time
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from bench.figures import Figure
from sandbox import Sandbox, open_sandbox
from sandbox.spec import SshSpec
from sandbox.ssh.lines import lines
from tests import sshd

MIB = 2**20


@dataclass(frozen=True)
class Size:
    """How much is measured."""

    rounds: int = 10
    stream_mib: int = 100


async def measure(size: Size) -> list[Figure]:
    """Connecting, a command's way there and back, and how fast output flows."""
    with tempfile.TemporaryDirectory(prefix="slipway-bench-ssh-") as name:
        folder = Path(name)
        (folder / "sshd").mkdir()
        with sshd.served(folder / "sshd") as server:
            return await _Comparison(server, folder, size).figures()


class _Comparison:
    def __init__(self, server: sshd.Sshd, folder: Path, size: Size) -> None:
        self._server, self._folder, self._size = server, folder, size
        self._control = str(folder / "control")
        key = folder / "key"
        key.touch(0o600)
        key.write_text(server.private_key)
        options = ("StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "LogLevel=ERROR", "IdentitiesOnly=yes")
        self._ssh = ["ssh", "-F", "none", "-i", str(key), "-p", str(server.port)]
        self._ssh += [word for option in options for word in ("-o", option)]
        self._host = f"{server.account.username}@127.0.0.1"

    async def figures(self) -> list[Figure]:
        await self._first()  # the guest's program is there from now on
        opened = await self._compare(self._first, lambda: self._bare([], "true"))
        sandbox = await open_sandbox(self._spec())
        master = ["-M", "-N", "-f", "-S", self._control]
        await asyncio.to_thread(subprocess.run, [*self._ssh, *master, self._host], check=True)
        try:
            command = await self._compare(
                lambda: self._ours(sandbox, ["true"]), lambda: self._bare(["-S", self._control], "true")
            )
            output = ["head", "-c", str(self._size.stream_mib * MIB), "/dev/zero"]
            stream = await self._compare(
                lambda: self._ours(sandbox, output), lambda: self._bare(["-S", self._control], " ".join(output))
            )
        finally:
            leave = [*self._ssh, "-q", "-S", self._control, "-O", "exit", self._host]
            await asyncio.to_thread(subprocess.run, leave, stderr=subprocess.DEVNULL)
            await sandbox.destroy()
            await lines().close()
        speeds = [self._size.stream_mib / seconds for seconds in stream]
        connected = "`ssh true` on a new connection"
        return [
            Figure("SSH: connect, sandbox, guest ready", opened[0] * 1000, "ms", connected, opened[1] * 1000),
            Figure("SSH: exec round trip", command[0] * 1000, "ms", "`ssh true` on a shared one", command[1] * 1000),
            Figure("SSH: output of a command", speeds[0], "MiB/s", "through `ssh`", speeds[1]),
        ]

    async def _compare(
        self, ours: Callable[[], Awaitable[float]], bare: Callable[[], Awaitable[float]]
    ) -> tuple[float, float]:
        """Medians, in seconds; turn by turn, so that a busy moment hits both."""
        times = [(await ours(), await bare()) for _ in range(self._size.rounds)]
        return statistics.median(one for one, _ in times), statistics.median(one for _, one in times)

    def _spec(self) -> SshSpec:
        name = uuid.uuid4().hex
        return SshSpec(
            machine_id=name,
            deployment="bench",
            account=self._server.account,
            work_dir=str(self._folder / "w"),
            folder=name,
            gateway_dir=None,
            lifetime_s=600,
        )

    async def _first(self) -> float:
        await lines().close()
        began = time.perf_counter()
        sandbox = await open_sandbox(self._spec())
        taken = time.perf_counter() - began
        await sandbox.destroy()
        return taken

    async def _ours(self, sandbox: Sandbox, argv: list[str]) -> float:
        began = time.perf_counter()
        async with await sandbox.guest.exec(argv) as process:
            await process.wait()
        return time.perf_counter() - began

    async def _bare(self, options: list[str], command: str) -> float:
        began = time.perf_counter()
        argv = [*self._ssh, *options, self._host, command]
        process = await asyncio.create_subprocess_exec(
            *argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        assert await process.wait() == 0
        return time.perf_counter() - began

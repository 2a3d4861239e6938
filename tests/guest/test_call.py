"""`call` carries one conversation over stdin and stdout and starts the daemon when needed; on the oldest Python too."""

from __future__ import annotations

import ast
import asyncio
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from asgiref.sync import async_to_sync

from sandbox.client import GuestClient
from sandbox.connection import Streams
from sandbox.errors import CommandTimeout
from sandbox.guest_archive import SOURCE, guest_archive
from sandbox.host_process import HostProcess
from tests.sandbox.waiting import until


def interpreters() -> list[str]:
    """This Python, and the oldest supported one where it is installed beside it or on the PATH."""
    beside = Path(sys.base_prefix).parent.glob("3.8.*/bin/python3.8")
    candidates = [*map(str, beside), *filter(None, [shutil.which("python3.8")])]
    usable = [path for path in candidates if subprocess.run([path, "-c", ""], capture_output=True).returncode == 0]
    return [sys.executable, *usable[:1]]


async def has_ended(pid: int) -> bool:
    return HostProcess.of(pid) is None


class Bridge:
    """A guest reached by exec alone, as in a container or over ssh."""

    def __init__(self, python: str, folder: Path) -> None:
        for name in ("home", "work"):
            (folder / name).mkdir()
        archive = guest_archive(folder / "cache")
        places = [f"--{name}={folder / name}" for name in ("home", "work")]
        self.command = [
            python,
            "-I",
            "-S",
            "-X",
            "utf8",
            str(archive),
            "call",
            "--state",
            str(folder / "state"),
            *places,
        ]
        self.processes: list[subprocess.Popen[bytes]] = []

    async def connect(self) -> Streams:
        return await asyncio.open_connection(sock=await asyncio.to_thread(self._start))

    def _start(self) -> socket.socket:
        ours, theirs = socket.socketpair()
        with theirs:
            self.processes.append(subprocess.Popen(self.command, stdin=theirs.fileno(), stdout=theirs.fileno(), env={}))
        return ours

    def close(self) -> None:
        """Every call has ended by itself."""
        for process in self.processes:
            process.wait(10)


@pytest.fixture(params=interpreters(), ids=lambda path: Path(path).name)
def bridge(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Bridge]:
    made = Bridge(request.param, tmp_path)
    yield made
    async_to_sync(GuestClient(made.connect).stop)(0.1)
    made.close()


class TestCall:
    async def test_starts_one_daemon_for_all_calls(self, bridge: Bridge) -> None:
        guest = GuestClient(bridge.connect)

        results = await asyncio.gather(*(guest.run(["sh", "-c", "echo $PPID"]) for _ in range(5)))

        assert len({result.stdout for result in results}) == 1

    async def test_carries_much_both_ways(self, bridge: Bridge) -> None:
        guest = GuestClient(bridge.connect)
        data = bytes(range(256)) * 8000

        result = await guest.run(["cat"], input=data, limit_bytes=2**22)
        await guest.write_file("f", data)

        assert result.stdout == data
        assert await guest.read_file("f") == data

    async def test_ends_the_command_when_the_caller_dies(self, bridge: Bridge) -> None:
        guest = GuestClient(bridge.connect)
        process = await guest.exec(["sh", "-c", "echo $$; exec sleep 60"])
        _, line = await anext(aiter(process))

        bridge.processes[-1].send_signal(signal.SIGKILL)

        await until(partial(has_ended, int(line)))
        await process.aclose()

    async def test_holds_an_agent_between_calls(self, bridge: Bridge) -> None:
        guest = GuestClient(bridge.connect)
        await guest.start_agent("run", ["sh", "-c", "read line; echo got $line"])

        await guest.send_agent("run", "m1", b"hello\n")
        parts = [part async for part in guest.read_agent("run", 0)]

        assert b"".join(parts) == b"got hello\n"

    async def test_keeps_deadlines(self, bridge: Bridge) -> None:
        with pytest.raises(CommandTimeout):
            await GuestClient(bridge.connect).run(["sleep", "60"], timeout_s=0.2)


class TestSource:
    def test_is_for_python_3_8_and_the_standard_library(self) -> None:
        allowed = set(sys.stdlib_module_names) | {"guest"}
        for path in SOURCE.glob("*.py"):
            tree = ast.parse(path.read_text(), feature_version=(3, 8))
            for node in ast.walk(tree):
                names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
                names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
                assert {name.split(".")[0] for name in names} <= allowed, path.name

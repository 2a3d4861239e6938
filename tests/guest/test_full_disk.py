"""A sandbox whose disk is full: git stays sound, nothing of ours is torn, and freeing space is enough."""

from __future__ import annotations

import asyncio
import shutil
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from sandbox.answers import AgentStatus, Result
from sandbox.client import GuestClient
from sandbox.connection import Streams
from sandbox.errors import GuestError
from sandbox.guest_archive import guest_archive
from tests.sandbox.waiting import until

BYTES = 96 * 2**20
pytestmark = pytest.mark.skipif(shutil.which("bwrap") is None, reason="a small disk is made by bubblewrap")


class SmallDisk:
    """A guest whose folders are on a disk of its own."""

    def __init__(self, folder: Path) -> None:
        self.small, self.socket = folder / "small", folder / "guest.sock"
        self.guest = GuestClient(self._connect)

    async def _connect(self) -> Streams:
        return await asyncio.open_unix_connection(str(self.socket))

    async def run(self, *argv: str) -> Result:
        return await self.guest.run(argv, env={"HOME": "/nonexistent", "GIT_CONFIG_NOSYSTEM": "1"})

    async def fill(self) -> None:
        """To the last byte, in the agent's own files."""
        await self.run("sh", "-c", "cat /dev/zero > filler; cat /dev/zero > filler2; true")
        assert (await self.guest.disk_free()).is_full

    async def free(self) -> None:
        await self.run("rm", "-f", "filler", "filler2", "go")

    async def agent(self, script: str) -> None:
        await self.guest.start_agent("run", ["sh", "-c", script])

    async def has_said(self) -> bool:
        return (await self.run("test", "-e", "said")).exit_code != 0

    async def ended(self) -> AgentStatus:
        async def is_over() -> bool:
            return not (await self.guest.agent_status("run")).is_alive

        await until(is_over)
        return await self.guest.agent_status("run")


@asynccontextmanager
async def small_disk(folder: Path) -> AsyncIterator[SmallDisk]:
    made = SmallDisk(folder)
    made.small.mkdir()
    archive = guest_archive(folder / "cache")
    places = [part for name in ("home", "work", "state") for part in (f"--{name}", str(made.small / name))]
    prepare = f'mkdir {" ".join(str(made.small / name) for name in ("home", "work", "state"))} && exec "$@"'
    guest = [sys.executable, "-I", "-S", str(archive), "serve", "--socket", str(made.socket), "--subreaper", *places]
    disk = ["--dev-bind", "/", "/", "--size", str(BYTES), "--tmpfs", str(made.small)]
    process = await asyncio.create_subprocess_exec("bwrap", *disk, "/bin/sh", "-c", prepare, "sh", *guest, env={})
    try:
        await until(lambda: asyncio.to_thread(made.socket.exists))
        yield made
    finally:
        await made.guest.stop(0.1)
        await process.wait()


class TestAFullDisk:
    async def test_leaves_the_repository_sound_and_freeing_space_is_enough(self, tmp_path: Path) -> None:
        async with small_disk(tmp_path) as disk:
            for command in ("init -q", "config user.name A", "config user.email a@example.org"):
                await disk.run("git", *command.split())
            await disk.run("sh", "-c", "echo one > file && git add file && git commit -qm one")
            await disk.fill()
            await disk.run("sh", "-c", "head -c 300000 /dev/urandom > more")

            added = await disk.run("git", "add", "--all")
            committed = await disk.run("git", "commit", "--allow-empty", "-qm", "two")
            sound = await disk.run("git", "fsck", "--strict")
            with pytest.raises(GuestError):
                await disk.guest.snapshot(message="no room", known=[])
            await disk.free()
            await disk.run("sh", "-c", "echo two > file")
            after = await disk.run("sh", "-c", "git add --all && git commit -qm two && git status --porcelain")
            snapshot = await disk.guest.snapshot(message="room", known=[])

            assert added.exit_code != 0
            assert committed.exit_code in (0, 1, 128)
            assert (sound.exit_code, after.exit_code, after.stdout) == (0, 0, b"")
            assert (await disk.run("git", "fsck", "--strict")).exit_code == 0
            assert not snapshot.is_dirty

    async def test_keeps_a_reserve_for_how_an_agent_ended(self, tmp_path: Path) -> None:
        async with small_disk(tmp_path) as disk:
            await disk.agent("read line; exit 7")
            await disk.fill()

            await disk.guest.send_agent("run", "m1", b"go\n")
            status = await disk.ended()

            assert (status.exit_code, status.is_disk_full) == (7, True)

    async def test_never_costs_the_agent_its_holder_and_names_what_was_lost(self, tmp_path: Path) -> None:
        async with small_disk(tmp_path) as disk:
            wait = "read a; until [ -e go ]; do sleep 0.02; done"
            await disk.agent(
                f"{wait}; head -c 20000 /dev/zero | tr '\\0' x >&2; rm said; read b; echo after >&2; echo $b"
            )
            await disk.run("touch", "said")
            await disk.fill()
            await disk.guest.send_agent("run", "m1", b"one\n")  # which takes the reserve
            await disk.run("sh", "-c", "cat /dev/zero > filler3; mv filler3 go")
            await until(disk.has_said)
            await disk.free()

            await disk.guest.send_agent("run", "m2", b"two\n")
            status = await disk.ended()
            spool = b"".join([part async for part in disk.guest.read_agent("run", 0)])

            assert (status.exit_code, spool, status.is_disk_full) == (0, b"two\n", False)
            assert "bytes were lost: the disk was full]" in status.stderr_tail
            assert status.stderr_tail.endswith("after\n")

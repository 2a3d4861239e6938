"""What only the local kind has: it fails closed, copes with long paths, and leaves nothing after a failed start."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

import sandbox
from sandbox import LocalSpec, Phase, Sandbox
from sandbox.errors import BackendUnavailable, SandboxRefused
from sandbox.host_process import find_marked


def spec_in(folder: Path) -> LocalSpec:
    return LocalSpec(machine_id="m-1", root=folder / "m-1", mounts=(), gateway_dir=None, lifetime_s=60)


def private(tmp_path: Path) -> Path:
    folder = tmp_path / "machines"
    folder.mkdir(mode=0o700)
    return folder


@asynccontextmanager
async def opened(tmp_path: Path) -> AsyncIterator[Sandbox]:
    made = await sandbox.open_sandbox(spec_in(private(tmp_path)))
    try:
        yield made
    finally:
        await made.destroy()


class TestOpen:
    async def test_refuses_to_run_unconfined_unless_that_is_allowed(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("PATH", str(tmp_path))

        with pytest.raises(BackendUnavailable) as caught:
            await sandbox.open_sandbox(spec_in(private(tmp_path)))

        assert "bubblewrap" in caught.value.hint
        assert not (tmp_path / "machines" / "m-1").exists()

    async def test_refuses_a_bubblewrap_that_is_too_old(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        program = tmp_path / "bwrap"
        program.write_text("#!/bin/sh\necho bubblewrap 0.4.1\n")
        program.chmod(0o755)
        monkeypatch.setenv("PATH", str(tmp_path))

        with pytest.raises(BackendUnavailable, match="too old"):
            await sandbox.open_sandbox(spec_in(private(tmp_path)))

    async def test_tells_what_bubblewrap_said_and_leaves_nothing_running(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        program = tmp_path / "bwrap"
        program.write_text(
            '#!/bin/sh\n[ "$1" = --version ] && exec echo bubblewrap 0.11.0\necho no namespaces here >&2\n'
        )
        program.chmod(0o755)
        monkeypatch.setenv("PATH", str(tmp_path))

        with pytest.raises(BackendUnavailable, match="no namespaces here"):
            await sandbox.open_sandbox(spec_in(private(tmp_path)))

        assert find_marked("SLIPWAY_SANDBOX", "m-1") == []

    async def test_finds_the_sandbox_over_whose_start_a_server_died(self, tmp_path: Path) -> None:
        spec = spec_in(private(tmp_path))
        dying = f"""
import asyncio, os
from pathlib import Path
from sandbox import GuestClient, LocalSpec, open_sandbox
GuestClient.hello = lambda self, timeout_s: os._exit(9)
spec = LocalSpec("m-1", Path({str(spec.root)!r}), (), None, 60)
asyncio.run(open_sandbox(spec))
"""
        died = await asyncio.to_thread(subprocess.run, [sys.executable, "-c", dying])
        left = json.loads((spec.root / "handle.json").read_text())

        made = await sandbox.open_sandbox(spec)
        await made.destroy()

        assert (died.returncode, made.handle) == (9, left)

    async def test_works_where_the_path_is_longer_than_a_socket_address(self, tmp_path: Path) -> None:
        folder = private(tmp_path)
        for _ in range(4):
            folder = folder / ("d" * 60)
            folder.mkdir(mode=0o700)
        made = await sandbox.open_sandbox(spec_in(folder))
        try:
            assert await made.poll() is Phase.RUNNING
        finally:
            await made.destroy()

    async def test_refuses_a_place_that_others_could_swap(self, tmp_path: Path) -> None:
        folder = private(tmp_path)
        (tmp_path / "link").symlink_to(folder)

        with pytest.raises(SandboxRefused):
            await sandbox.open_sandbox(spec_in(tmp_path / "link"))
        with pytest.raises(SandboxRefused):
            await sandbox.open_sandbox(replace(spec_in(folder), lifetime_s=0))
        with pytest.raises(SandboxRefused):
            await sandbox.open_sandbox(replace(spec_in(folder), machine_id="a\nb"))

        assert list(folder.iterdir()) == []

    async def test_keeps_its_folder_from_other_users(self, tmp_path: Path) -> None:
        spec = spec_in(private(tmp_path))
        made = await sandbox.open_sandbox(spec)
        try:
            assert spec.root.stat().st_mode & 0o777 == 0o700
        finally:
            await made.destroy()


class TestInside:
    async def test_has_a_small_etc_of_its_own(self, tmp_path: Path) -> None:
        async with opened(tmp_path) as made:
            listing = await made.guest.run(["ls", "/etc/shadow", "/etc/machine-id", "/etc/ssh", "/root", "/var"])

        assert listing.stdout == b""

    async def test_knows_the_authorities_of_the_server(self, tmp_path: Path) -> None:
        count = ["/usr/bin/python3", "-c", "import ssl; print(len(ssl.create_default_context().get_ca_certs()))"]
        here = await asyncio.to_thread(subprocess.run, count, capture_output=True)

        async with opened(tmp_path) as made:
            there = await made.guest.run(count)

        assert there.stdout == here.stdout

    async def test_sees_no_process_of_the_server(self, tmp_path: Path) -> None:
        async with opened(tmp_path) as made:
            said = await made.guest.run(["sh", "-c", f"kill -0 {made.handle['pid']}"])

        assert b"No such process" in said.stderr

    async def test_does_not_believe_a_process_number_used_again(self, tmp_path: Path) -> None:
        async with opened(tmp_path) as made:
            spec = spec_in(tmp_path / "machines")
            found = await sandbox.attach_sandbox(spec, {**made.handle, "pid": os.getpid()})
            await found.stop()

            assert await found.poll() is Phase.STOPPED
            rebooted = await sandbox.attach_sandbox(spec, {**made.handle, "boot": "another"})
            assert await rebooted.poll() is Phase.STOPPED


class TestRunning:
    async def test_are_those_beside_each_other_by_their_machine(self, tmp_path: Path) -> None:
        folder = private(tmp_path)
        one, two = spec_in(folder), replace(spec_in(folder), machine_id="m-2", root=folder / "m-2")
        made = [await sandbox.open_sandbox(spec) for spec in (one, two)]
        try:
            found = await sandbox.running_sandboxes(replace(one, machine_id="nobody", root=folder / "nobody"))
            await found["m-2"].stop(grace_s=0.2)
            left = await sandbox.running_sandboxes(one)

            assert [found[name].handle for name in ("m-1", "m-2")] == [each.handle for each in made]
            assert (list(left), await made[1].poll()) == (["m-1"], Phase.STOPPED)
        finally:
            for each in made:
                await each.destroy()

    async def test_a_home_has_one_at_a_time(self, tmp_path: Path) -> None:
        spec = spec_in(private(tmp_path))
        before = await sandbox.open_sandbox(spec)
        await before.guest.write_file("kept", b"files")
        after = await sandbox.open_sandbox(replace(spec, machine_id="m-2"))
        try:
            assert await before.poll() is Phase.STOPPED
            assert list(await sandbox.running_sandboxes(spec)) == ["m-2"]
            assert await after.guest.read_file("kept") == b"files"
        finally:
            await after.destroy()

"""Every kind of sandbox lives and ends alike: opened once, found again, stopped with everything it started."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
from contextlib import aclosing
from pathlib import Path

import pytest

import sandbox
from sandbox import Phase, Sandbox
from sandbox.errors import SandboxGone, SandboxRefused
from sandbox.host_process import find_marked
from tests.sandbox.backends import Maker
from tests.sandbox.waiting import until

DAEMONS = (
    "setsid sh -c 'trap \"\" TERM HUP; while :; do sleep 0.2; done' >/dev/null 2>&1 & "
    "(setsid sleep 4720 >/dev/null 2>&1 &) ; (setsid nohup sleep 4721 >/dev/null 2>&1 &) ; sleep 0.5"
)


async def started(maker: Maker) -> tuple[Sandbox, str]:
    """A sandbox with an agent, a terminal and daemons that do not want to die; and its machine id."""
    spec = maker.spec()
    made = await maker.open_spec(spec)
    await made.guest.start_agent("run", ["sh", "-c", "trap '' TERM; cat; sleep 4722"])
    await made.guest.open_terminal("t1", ["sleep", "4723"])
    await made.guest.run(["sh", "-c", DAEMONS])

    async def is_complete() -> bool:
        return await maker.living(spec.machine_id) >= 6

    await until(is_complete)
    return made, spec.machine_id


class TestOpenSandbox:
    async def test_answers_hello_when_it_returns(self, maker: Maker) -> None:
        made = await maker.open()

        assert (await made.guest.hello()).protocol == 1
        assert await made.poll() is Phase.RUNNING

    async def test_gives_the_same_sandbox_when_asked_again(self, maker: Maker) -> None:
        spec = maker.spec()
        first = await maker.open_spec(spec)

        second = await maker.open_spec(spec)

        assert first.handle == second.handle

    async def test_goes_on_with_the_files_after_a_stop(self, maker: Maker) -> None:
        spec = maker.spec()
        first = await maker.open_spec(spec)
        await first.guest.write_file("kept", b"x")
        await first.guest.start_agent("run", ["sh", "-c", "echo said; cat"])
        async with aclosing(first.guest.read_agent("run", 0)) as saying:
            await anext(saying)
        await first.stop()

        second = await maker.open_spec(spec)

        assert await second.guest.read_file("kept") == b"x"
        status = await second.guest.agent_status("run")
        assert (status.exists, status.is_alive) == (True, False)
        assert [part async for part in second.guest.read_agent("run", 0)] == [b"said\n"]

    async def test_starts_in_an_empty_work_tree_and_home(self, maker: Maker) -> None:
        made = await maker.open()
        paths = await made.guest.paths()

        assert await made.guest.list_dir(paths.work) == []
        assert await made.guest.list_dir(paths.home) == []
        result = await made.guest.run(["sh", "-c", "pwd; echo $HOME"])
        assert result.stdout.decode().split() == [paths.work, paths.home]


class TestAttachSandbox:
    async def test_finds_it_by_a_handle_that_was_json(self, maker: Maker) -> None:
        spec = maker.spec()
        made = await maker.open_spec(spec)

        found = await sandbox.attach_sandbox(spec, json.loads(json.dumps(made.handle)))

        assert await found.poll() is Phase.RUNNING

    async def test_refuses_the_handle_of_another(self, maker: Maker) -> None:
        made = await maker.open()

        for handle in (made.handle, {}, {"pid": 1}):
            with pytest.raises(SandboxRefused):
                await sandbox.attach_sandbox(maker.spec(), handle)


class TestStop:
    async def test_ends_everything_that_was_started(self, maker: Maker) -> None:
        made, machine_id = await started(maker)

        await made.stop(grace_s=0.3)

        assert await maker.living(machine_id) == 0
        assert await made.poll() is Phase.STOPPED
        with pytest.raises(SandboxGone):
            await made.guest.hello()
        await made.stop()

    async def test_lets_an_agent_end_in_its_own_way_first(self, maker: Maker) -> None:
        spec = maker.spec()
        made = await maker.open_spec(spec)
        script = "trap 'echo bye; exit 3' TERM; echo up; while :; do sleep 0.05; done"
        await made.guest.start_agent("run", ["sh", "-c", script])
        await asyncio.sleep(0.3)

        await made.stop(grace_s=5)

        again = await maker.open_spec(spec)
        status = await again.guest.agent_status("run")
        assert status.exit_code == 3
        assert b"".join([part async for part in again.guest.read_agent("run", 0)]) == b"up\nbye\n"

    async def test_ends_everything_when_the_guest_was_killed(self, maker: Maker) -> None:
        made, machine_id = await started(maker)
        await maker.signal_guest(made, 9)

        await made.stop()

        assert await maker.living(machine_id) == 0

    async def test_ends_a_frozen_guest(self, maker: Maker) -> None:
        made, machine_id = await started(maker)
        await maker.signal_guest(made, 19)
        assert await made.poll() is Phase.UNREACHABLE

        async with asyncio.timeout(60):
            await made.stop(grace_s=0.1)

        assert await maker.living(machine_id) == 0

    async def test_reaps_orphans_all_along(self, maker: Maker) -> None:
        made = await maker.open()

        await made.guest.run(["sh", "-c", "for n in 1 2 3 4 5; do (sleep 0.05 &) ; done; sleep 0.3"])

        states = await made.guest.run(["sh", "-c", "cat /proc/[0-9]*/stat 2>/dev/null"])
        guests = f" {made.handle['pid'] if not made.capabilities.can_confine else 1} "
        assert [line for line in states.stdout.decode().splitlines() if f") Z{guests}" in line] == []


class TestDestroy:
    async def test_leaves_nothing(self, maker: Maker) -> None:
        made, machine_id = await started(maker)
        await made.guest.run(
            ["sh", "-c", "mkdir -p a/b; touch a/b/c; chmod 0 a/b; printf x > \"$(printf '\\377\\n')\""]
        )

        await made.destroy()

        assert await maker.living(machine_id) == 0
        assert await made.poll() is Phase.GONE
        assert [entry.name for entry in maker.folder.iterdir()] in ([".guest"], [])
        await made.destroy()


class TestLifetime:
    async def test_ends_by_itself_without_word_from_the_platform(self, maker: Maker) -> None:
        made = await maker.open(lifetime_s=2)
        await made.guest.start_agent("run", ["sleep", "4724"])

        await asyncio.sleep(1.2)
        await made.guest.hello()
        await asyncio.sleep(1.2)
        assert await made.poll() is Phase.RUNNING

        await asyncio.sleep(3.5)
        assert await made.poll() is Phase.STOPPED

    @pytest.mark.needs("folder")
    async def test_ends_when_its_folder_was_removed_behind_its_back(self, maker: Maker) -> None:
        spec = maker.spec()
        await maker.open_spec(spec)

        await asyncio.to_thread(shutil.rmtree, maker.folder_of(spec))

        async def has_ended() -> bool:
            return await maker.made[-1].poll() is Phase.GONE and await maker.living(spec.machine_id) == 0

        await until(has_ended)

    async def test_is_not_counted_while_a_conversation_lasts(self, maker: Maker) -> None:
        made = await maker.open(lifetime_s=1)

        result = await made.guest.run(["sh", "-c", "sleep 2.5; echo done"])

        assert result.stdout == b"done\n"


def test_sees_marks_at_all(tmp_path: Path) -> None:
    """The tests above count by marks: without this one they could pass by seeing nothing."""
    assert os.getpid() in [process.pid for process in find_marked("PATH", _own_path())]


def _own_path() -> str:
    items = Path("/proc/self/environ").read_bytes().split(b"\0")
    return next(item.removeprefix(b"PATH=").decode() for item in items if item.startswith(b"PATH="))

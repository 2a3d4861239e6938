"""Every kind of sandbox runs commands alike: streams, limits, exits, and nothing left over."""

from __future__ import annotations

import asyncio
import os
import resource
import signal

import pytest

from guest.serve import NICENESS
from sandbox import Sandbox
from sandbox.errors import BadRequest, CommandNotFound, CommandTimeout, FileMissing
from tests.sandbox.backends import Maker
from tests.sandbox.waiting import until

pytestmark = pytest.mark.shares


async def count_processes(made: Sandbox, needle: str) -> int:
    """Living processes inside whose command line holds the needle."""
    listing = await made.guest.run(["sh", "-c", 'cat /proc/[0-9]*/cmdline 2>/dev/null | tr "\\0" " "'])
    return listing.stdout.decode(errors="replace").count(needle)


class TestRun:
    async def test_gives_both_streams_and_the_exit_code(self, maker: Maker) -> None:
        made = await maker.open()

        result = await made.guest.run(["sh", "-c", "echo out; echo err >&2; exit 3"])

        assert (result.exit_code, result.stdout, result.stderr) == (3, b"out\n", b"err\n")

    async def test_gives_way_to_the_server(self, maker: Maker) -> None:
        made = await maker.open()

        result = await made.guest.run(["nice"])

        assert int(result.stdout) == min(os.nice(0) + NICENESS, 19)

    async def test_passes_binary_input_through_unchanged(self, maker: Maker) -> None:
        made = await maker.open()
        data = bytes(range(256)) * 20_000

        result = await made.guest.run(["cat"], input=data, limit_bytes=2**23)

        assert result.stdout == data
        assert not result.is_truncated

    async def test_keeps_the_end_of_more_output_than_allowed(self, maker: Maker) -> None:
        made = await maker.open()

        result = await made.guest.run(["seq", "1", "100000"], limit_bytes=100)

        assert result.is_truncated
        assert len(result.stdout) == 100
        assert result.stdout.endswith(b"99999\n100000\n")

    async def test_tells_the_signal_that_ended_it(self, maker: Maker) -> None:
        made = await maker.open()

        result = await made.guest.run(["sh", "-c", "kill -9 $$"])

        assert result.exit_code == -signal.SIGKILL

    async def test_ends_the_whole_process_group_at_the_deadline(self, maker: Maker) -> None:
        made = await maker.open()

        with pytest.raises(CommandTimeout):
            await made.guest.run(["sh", "-c", "sleep 4711 & sleep 4711"], timeout_s=0.3)

        assert await count_processes(made, "sleep 4711") == 0

    async def test_ends_the_command_when_the_caller_leaves(self, maker: Maker) -> None:
        made = await maker.open()

        async with await made.guest.exec(["sleep", "4712"]):
            assert await count_processes(made, "sleep 4712") == 1

        async def is_gone() -> bool:
            return await count_processes(made, "sleep 4712") == 0

        await until(is_gone)

    async def test_does_not_wait_for_a_process_left_in_the_background(self, maker: Maker) -> None:
        made = await maker.open()

        result = await made.guest.run(["sh", "-c", "sleep 4713 & echo done"], timeout_s=20)

        assert result.stdout == b"done\n"

    async def test_starts_in_the_folder_and_with_the_variables_given(self, maker: Maker) -> None:
        made = await maker.open()

        result = await made.guest.run(["sh", "-c", 'pwd; echo "$GREETING"'], cwd="/tmp", env={"GREETING": "a b\nc"})

        assert result.stdout == b"/tmp\na b\nc\n"

    async def test_says_clearly_what_cannot_be_started(self, maker: Maker) -> None:
        made = await maker.open()

        with pytest.raises(CommandNotFound):
            await made.guest.run(["no-such-program"])
        with pytest.raises(FileMissing):
            await made.guest.run(["true"], cwd="/nowhere")
        with pytest.raises(BadRequest):
            await made.guest.run([])
        with pytest.raises(BadRequest):
            await made.guest.run(["echo", "a\0b"])
        with pytest.raises(BadRequest):
            await made.guest.run(["echo"], env={"A=B": "c"})

    async def test_serves_many_calls_at_once(self, maker: Maker) -> None:
        made = await maker.open()

        results = await asyncio.gather(*(made.guest.run(["echo", str(number)]) for number in range(40)))

        assert [result.stdout for result in results] == [b"%d\n" % number for number in range(40)]


class TestExec:
    async def test_streams_a_hundred_megabytes_in_little_memory(self, maker: Maker) -> None:
        made = await maker.open()
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        size = 0

        async with await made.guest.exec(["head", "-c", "100000000", "/dev/zero"]) as process:
            async for _, data in process:
                size += len(data)

        assert size == 100_000_000
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 20 * 1024

    async def test_makes_the_command_wait_for_a_slow_reader(self, maker: Maker) -> None:
        made = await maker.open()
        script = "n=0; while [ $n -lt 1000 ]; do head -c 100000 /dev/zero; n=$((n+1)); echo $n > n; done"

        async with await made.guest.exec(["sh", "-c", script]):
            await asyncio.sleep(1.0)
            written = int((await made.guest.run(["cat", "n"])).stdout)

        assert written < 60

    async def test_carries_input_while_output_flows(self, maker: Maker) -> None:
        made = await maker.open()

        async with await made.guest.exec(["cat"], stdin=True) as process:
            stream = aiter(process)
            await process.write(b"one\n")
            assert await anext(stream) == ("stdout", b"one\n")
            await process.write(b"two\n")
            assert await anext(stream) == ("stdout", b"two\n")
            await process.close_stdin()
            ended = await process.wait()

        assert ended.exit_code == 0

    async def test_signals_a_running_command(self, maker: Maker) -> None:
        made = await maker.open()

        script = "trap 'exit 42' TERM; echo up; while :; do sleep 0.05; done"
        async with await made.guest.exec(["sh", "-c", script]) as process:
            await anext(aiter(process))
            await process.kill(signal.SIGTERM)
            ended = await process.wait()

        assert ended.exit_code == 42

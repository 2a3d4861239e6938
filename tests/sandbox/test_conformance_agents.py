"""Every kind of sandbox holds agents alike: started once, fed whole lines once, read from any byte."""

from __future__ import annotations

import asyncio
import json
import pickle
import signal
import subprocess
import sys
import textwrap
from contextlib import aclosing
from functools import partial
from pathlib import Path

import pytest

import sandbox
from sandbox import Sandbox
from sandbox.answers import AgentStatus
from sandbox.errors import AgentEnded, BadRequest, NoSuchRun
from tests.sandbox.backends import Maker
from tests.sandbox.waiting import until

ECHO = [
    "sh",
    "-c",
    'while IFS= read -r line; do printf "got %s\\n" "$line"; [ "$line" = end ] && exit 7; done; echo eof',
]


async def read_until(made: Sandbox, run: str, needle: bytes, offset: int = 0) -> bytes:
    """The spool up to and with the needle."""
    seen = b""
    async with asyncio.timeout(20), aclosing(made.guest.read_agent(run, offset)) as stream:
        async for data in stream:
            seen += data
            if needle in seen:
                return seen
    raise AssertionError(seen)


async def wait_for_end(made: Sandbox, run: str) -> AgentStatus:
    async def has_ended() -> bool:
        return not (await made.guest.agent_status(run)).is_alive

    await until(has_ended)
    return await made.guest.agent_status(run)


class TestStartAgent:
    async def test_starts_once_however_often_it_is_asked(self, maker: Maker) -> None:
        made = await maker.open()

        statuses = await asyncio.gather(*(made.guest.start_agent("run", ECHO) for _ in range(5)))

        assert len({status.pid for status in statuses}) == 1
        assert statuses[0].is_alive

    async def test_runs_in_the_folder_and_with_the_variables_given(self, maker: Maker) -> None:
        made = await maker.open()

        await made.guest.start_agent("run", ["sh", "-c", 'echo "$PWD $TOKEN"'], cwd="/tmp", env={"TOKEN": "t-1"})

        assert await read_until(made, "run", b"\n") == b"/tmp t-1\n"

    async def test_tells_of_a_program_that_cannot_be_run(self, maker: Maker) -> None:
        made = await maker.open()

        status = await made.guest.start_agent("run", ["/opt/nothing/claude"])

        assert (status.exists, status.is_alive, status.exit_code) == (True, False, 127)
        assert "/opt/nothing/claude" in status.stderr_tail

    async def test_refuses_a_run_that_is_no_name(self, maker: Maker) -> None:
        made = await maker.open()

        for name in ("", "../x", "a/b", "a" * 200, ".hidden", "a\0"):
            with pytest.raises(BadRequest):
                await made.guest.start_agent(name, ECHO)

    async def test_knows_nothing_of_a_run_never_started(self, maker: Maker) -> None:
        made = await maker.open()

        assert not (await made.guest.agent_status("run")).exists
        with pytest.raises(NoSuchRun):
            await made.guest.send_agent("run", "m1", b"x\n")
        with pytest.raises(NoSuchRun):
            await anext(aiter(made.guest.read_agent("run", 0)))


class TestSendAgent:
    async def test_delivers_a_line_once_however_often_it_is_sent(self, maker: Maker) -> None:
        made = await maker.open()
        await made.guest.start_agent("run", ECHO)

        taken = [await made.guest.send_agent("run", "m1", b"hello\n") for _ in range(3)]
        await read_until(made, "run", b"hello\n")
        taken.append(await made.guest.send_agent("run", "m1", b"hello\n"))
        await made.guest.send_agent("run", "m2", b"end\n")

        assert taken == [True, False, False, False]
        assert await read_until(made, "run", b"got end\n") == b"got hello\ngot end\n"

    async def test_keeps_the_order_of_many_lines(self, maker: Maker) -> None:
        made = await maker.open()
        await made.guest.start_agent("run", ECHO)

        for number in range(200):
            await made.guest.send_agent("run", f"m{number}", b"%d\n" % number)

        seen = await read_until(made, "run", b"got 199\n")
        assert seen == b"".join(b"got %d\n" % number for number in range(200))

    async def test_delivers_a_line_larger_than_any_pipe(self, maker: Maker) -> None:
        made = await maker.open()
        await made.guest.start_agent("run", ["sh", "-c", "head -n 1 | wc -c"])

        await made.guest.send_agent("run", "big", b"x" * 3_000_000 + b"\n")

        assert (await read_until(made, "run", b"\n")).strip() == b"3000001"

    async def test_refuses_half_a_line(self, maker: Maker) -> None:
        made = await maker.open()
        await made.guest.start_agent("run", ECHO)

        with pytest.raises(BadRequest):
            await made.guest.send_agent("run", "m1", b'{"half": ')
        with pytest.raises(BadRequest):
            await made.guest.send_agent("run", "m2", b"")

        await made.guest.send_agent("run", "m3", b"end\n")
        assert await read_until(made, "run", b"end\n") == b"got end\n"

    async def test_drops_a_line_whose_sender_dies_in_the_middle(self, maker: Maker) -> None:
        made = await maker.open()
        await made.guest.start_agent("run", ECHO)

        connection = await made.guest._open("agent.send", {"run": "run", "message_id": "m1"})
        await connection.send_data(b"half of it")
        await connection.close()
        await asyncio.sleep(0.2)

        assert await made.guest.send_agent("run", "m1", b"whole\n")
        assert await read_until(made, "run", b"whole\n") == b"got whole\n"

    async def test_says_when_the_agent_has_ended(self, maker: Maker) -> None:
        made = await maker.open()
        await made.guest.start_agent("run", ["true"])
        await wait_for_end(made, "run")

        with pytest.raises(AgentEnded):
            await made.guest.send_agent("run", "m1", b"x\n")


class TestReadAgent:
    async def test_begins_at_any_byte(self, maker: Maker) -> None:
        made = await maker.open()
        await made.guest.start_agent("run", ["printf", "0123456789"])
        await wait_for_end(made, "run")

        parts = [part async for part in made.guest.read_agent("run", 4)]

        assert b"".join(parts) == b"456789"

    async def test_ends_when_the_agent_has_ended_and_all_is_read(self, maker: Maker) -> None:
        made = await maker.open()
        await made.guest.start_agent("run", ["sh", "-c", "for n in 1 2 3; do echo $n; sleep 0.1; done"])

        async with asyncio.timeout(10):
            parts = [part async for part in made.guest.read_agent("run", 0)]

        assert b"".join(parts) == b"1\n2\n3\n"

    async def test_serves_several_readers(self, maker: Maker) -> None:
        made = await maker.open()
        await made.guest.start_agent("run", ECHO)
        readers = [asyncio.create_task(read_until(made, "run", b"got end\n")) for _ in range(5)]

        await made.guest.send_agent("run", "m1", b"end\n")

        assert set(await asyncio.gather(*readers)) == {b"got end\n"}

    async def test_costs_no_time_while_nothing_happens(self, maker: Maker) -> None:
        made = await maker.open()
        await made.guest.start_agent("run", ECHO)
        reader = asyncio.create_task(read_until(made, "run", b"got end\n"))
        await asyncio.sleep(0.3)
        before = await maker.guest_ticks(made)

        await asyncio.sleep(2.0)

        assert await maker.guest_ticks(made) - before <= 2
        await made.guest.send_agent("run", "m1", b"end\n")
        await reader


class TestAgentStatus:
    async def test_tells_the_exit_code_and_the_end_of_stderr(self, maker: Maker) -> None:
        made = await maker.open()
        await made.guest.start_agent("run", ["sh", "-c", "seq 1 100000 >&2; echo last words >&2; exit 9"])

        status = await wait_for_end(made, "run")

        assert (status.exit_code, status.signal) == (9, None)
        assert status.stderr_tail.endswith("100000\nlast words\n")
        assert len(status.stderr_tail) <= 64 * 1024

    async def test_tells_the_signal(self, maker: Maker) -> None:
        made = await maker.open()
        await made.guest.start_agent("run", ECHO)

        assert await made.guest.signal_agent("run", signal.SIGKILL)

        status = await wait_for_end(made, "run")
        assert (status.exit_code, status.signal) == (None, signal.SIGKILL)
        assert not await made.guest.signal_agent("run", signal.SIGKILL)

    async def test_notices_an_agent_whose_holder_was_killed(self, maker: Maker) -> None:
        made = await maker.open()
        await made.guest.start_agent("run", ["sh", "-c", "echo $PPID; cat"])
        holder = (await read_until(made, "run", b"\n")).decode().strip()

        await made.guest.run(["sh", "-c", f"kill -9 {holder}"])

        status = await wait_for_end(made, "run")
        assert (status.exists, status.is_alive, status.exit_code, status.signal) == (True, False, None, None)


@pytest.mark.needs("reattach")
class TestReattach:
    async def test_goes_on_at_the_exact_byte_after_the_server_was_killed(self, maker: Maker, tmp_path: Path) -> None:
        spec = maker.spec()
        made = await maker.open_spec(spec)
        await made.guest.start_agent("run", ["sh", "-c", "seq 0 1499; read go; seq 1500 2999; cat"])
        noted = tmp_path / "offset"
        command = [sys.executable, "-c", _SERVER, json.dumps(made.handle), str(noted)]
        server = await asyncio.create_subprocess_exec(*command, stdin=subprocess.PIPE)
        assert server.stdin is not None
        server.stdin.write(pickle.dumps(spec))  # which may hold secrets, and shows them to nobody
        server.stdin.write_eof()
        await until(partial(asyncio.to_thread, _is_noted, noted))
        server.kill()
        await server.wait()

        found = await sandbox.attach_sandbox(spec, made.handle)
        offset = int(noted.read_text().split()[0])
        await found.guest.send_agent("run", "go", b"go\n")
        rest = await read_until(found, "run", b"\n2999\n", offset)

        whole = b"".join(b"%d\n" % number for number in range(3000))
        assert 0 < offset < len(whole)
        assert rest == whole[offset:]
        assert (await found.guest.agent_status("run")).is_alive


_SERVER = textwrap.dedent(
    """
    import asyncio, json, pickle, sys, time
    from pathlib import Path
    import sandbox

    async def main():
        found = await sandbox.attach_sandbox(pickle.load(sys.stdin.buffer), json.loads(sys.argv[1]))
        offset = 0
        async for data in found.guest.read_agent("run", 0):
            offset += len(data)
            Path(sys.argv[2]).write_text(f"{offset} ")
            time.sleep(60)

    asyncio.run(main())
    """
)


def _is_noted(path: Path) -> bool:
    return path.exists() and path.read_text().endswith(" ")

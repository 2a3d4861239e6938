"""Every kind of sandbox with terminals holds them alike: alive without clients, replayed, of the smallest size."""

from __future__ import annotations

import asyncio
import uuid

import pytest

from sandbox import GuestClient
from sandbox.errors import NoSuchTerminal
from sandbox.process import Terminal
from tests.sandbox.backends import Maker

pytestmark = [pytest.mark.needs("pty"), pytest.mark.shares]

SHELL = ["sh"]
QUIET = {"PS1": ""}


async def read_until(terminal: Terminal, needle: bytes) -> bytes:
    seen = b""
    async with asyncio.timeout(20):
        async for data in terminal:
            seen += data
            if needle in seen:
                return seen
    raise AssertionError(seen[-500:])


async def ask(terminal: Terminal, command: str) -> str:
    """What a shell command prints on the terminal."""
    mark = uuid.uuid4().hex
    await terminal.write(f"{command}; echo {mark[:16]}''{mark[16:]}\n".encode())
    seen = (await read_until(terminal, mark.encode())).decode()
    return seen.split("\n", 1)[1].rsplit(mark, 1)[0].strip()


async def becomes(terminal: Terminal, size: str) -> bool:
    """Whether the terminal takes this size: what another client does reaches the guest on a way of its own."""
    for _ in range(50):
        if size in await ask(terminal, "stty size"):
            return True
        await asyncio.sleep(0.05)
    return False


async def open_shell(guest: GuestClient) -> Terminal:
    await guest.open_terminal("t1", SHELL, env=QUIET, rows=24, cols=80)
    return await guest.attach_terminal("t1", rows=24, cols=80)


class TestTerminals:
    async def test_is_a_controlling_terminal_with_a_size(self, maker: Maker) -> None:
        made = await maker.open()

        async with await open_shell(made.guest) as terminal:
            assert "/dev/pts/" in await ask(terminal, "tty")
            assert "24 80" in await ask(terminal, "stty size")
            assert "xterm-256color" in await ask(terminal, "echo $TERM")

    @pytest.mark.needs("control_terminals")
    async def test_is_found_by_programs(self, maker: Maker) -> None:
        made = await maker.open()

        async with await open_shell(made.guest) as terminal:
            assert "ok" in await ask(terminal, "echo ok >/dev/tty")

    @pytest.mark.needs("control_terminals")
    async def test_interrupts_the_program_in_front(self, maker: Maker) -> None:
        made = await maker.open()

        async with await open_shell(made.guest) as terminal:
            await ask(terminal, "true")
            await terminal.write(b"sleep 4714\n")
            await asyncio.sleep(0.3)
            await terminal.write(b"\x03")
            assert "130" in await ask(terminal, "echo $?")

    async def test_takes_the_smallest_window_and_clamps_it(self, maker: Maker) -> None:
        made = await maker.open()

        async with await open_shell(made.guest) as first:
            async with await made.guest.attach_terminal("t1", rows=10, cols=200) as second:
                assert await becomes(first, "10 80")
                await second.resize(999_999, -5)
                assert await becomes(first, "24 2")
            assert await becomes(first, "24 80")

    async def test_lives_on_without_clients_and_replays(self, maker: Maker) -> None:
        made = await maker.open()
        async with await open_shell(made.guest) as terminal:
            await ask(terminal, "x=kept; seq 1 1000")

        async with await made.guest.attach_terminal("t1") as terminal:
            await read_until(terminal, b"\n1000\r\n")
            await asyncio.sleep(0.2)
            assert "kept" in await ask(terminal, "echo $x")

    async def test_replays_no_more_than_its_bound(self, maker: Maker) -> None:
        made = await maker.open()
        await made.guest.open_terminal("t1", ["sh", "-c", "seq 1 500000; echo over; cat"])
        async with await made.guest.attach_terminal("t1") as terminal:
            await read_until(terminal, b"over\r\n")

        async with await made.guest.attach_terminal("t1") as terminal:
            seen = await read_until(terminal, b"over\r\n")

        assert 200_000 < len(seen) <= 256 * 1024

    async def test_gives_a_client_that_reads_everything(self, maker: Maker) -> None:
        made = await maker.open()

        async with await open_shell(made.guest) as terminal:
            seen = await ask(terminal, "seq 1 300000")

        assert seen.split("\r\n")[-300_000:] == [str(number) for number in range(1, 300_001)]

    async def test_is_not_stopped_by_a_client_that_does_not_read(self, maker: Maker) -> None:
        made = await maker.open()

        async with await open_shell(made.guest), await made.guest.attach_terminal("t1") as reader:
            seen = await ask(reader, "seq 1 400000")

        assert "400000" in seen

    async def test_tells_how_the_program_ended(self, maker: Maker) -> None:
        made = await maker.open()

        async with await open_shell(made.guest) as terminal:
            await terminal.write(b"sleep 4715 & exit 5\n")
            async with asyncio.timeout(10):
                async for _ in terminal:
                    pass

        assert terminal.exit is not None
        assert terminal.exit.exit_code == 5
        assert [info.is_alive for info in await made.guest.list_terminals()] == [False]

    async def test_closes_what_ignores_hanging_up(self, maker: Maker) -> None:
        made = await maker.open()
        await made.guest.open_terminal("t1", ["sh", "-c", "trap '' HUP TERM; while :; do sleep 0.1; done"])
        assert len(await made.guest.list_terminals()) == 1

        await made.guest.close_terminal("t1")
        await made.guest.close_terminal("t1")

        assert await made.guest.list_terminals() == []
        async with await made.guest.attach_terminal("t1") as terminal:
            with pytest.raises(NoSuchTerminal):
                await read_until(terminal, b"x")

    async def test_keeps_the_one_that_is_there(self, maker: Maker) -> None:
        made = await maker.open()

        async with await open_shell(made.guest) as terminal:
            await ask(terminal, "x=kept")
            await made.guest.open_terminal("t1", ["true"])
            assert "kept" in await ask(terminal, "echo $x")

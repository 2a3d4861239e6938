"""Every kind of sandbox reads and writes files alike: regular ones, in its own folders, whatever traps are laid."""

from __future__ import annotations

import asyncio
import time

import pytest

from sandbox import Sandbox
from sandbox.errors import FileMissing, FileRefused, FileTooLarge
from tests.sandbox.backends import Maker

pytestmark = pytest.mark.shares


async def sh(made: Sandbox, script: str) -> None:
    result = await made.guest.run(["sh", "-c", script])
    assert result.exit_code == 0, result.stderr


class TestFiles:
    async def test_gives_back_what_was_written(self, maker: Maker) -> None:
        made = await maker.open()
        data = bytes(range(256)) * 10_000

        await made.guest.write_file("deep/er/file.bin", data, mode=0o755)

        assert await made.guest.read_file("deep/er/file.bin") == data
        assert (await made.guest.stat("deep/er/file.bin")).mode == 0o755

    async def test_reads_a_range(self, maker: Maker) -> None:
        made = await maker.open()
        await made.guest.write_file("f", b"0123456789")

        assert await made.guest.read_file("f", offset=3, limit_bytes=4) == b"3456"
        assert await made.guest.read_file("f", offset=100) == b""

    async def test_writes_in_one_step(self, maker: Maker) -> None:
        made = await maker.open()
        await made.guest.write_file("f", b"old")

        connection = await made.guest._open("file.write", {"path": "f"})
        await connection.send_data(b"half of the new")
        await connection.close()
        await asyncio.sleep(0.2)

        assert await made.guest.read_file("f") == b"old"
        assert [entry.name for entry in await made.guest.list_dir(".")] == ["f"]

    async def test_lists_kinds_and_odd_names(self, maker: Maker) -> None:
        made = await maker.open()
        await sh(made, "mkdir d; echo x > 'a b'; ln -s /etc/passwd l; mkfifo p; touch -- -rf")
        await sh(made, r'''touch "$(printf 'n\nl')" "$(printf '\377')"''')

        entries = {entry.name: entry for entry in await made.guest.list_dir(".")}

        assert {name: entry.kind for name, entry in entries.items()} == {
            "d": "folder",
            "a b": "file",
            "l": "link",
            "p": "other",
            "-rf": "file",
            "n\nl": "file",
            "\udcff": "file",
        }
        assert entries["l"].target == "/etc/passwd"
        assert await made.guest.read_file("\udcff") == b""

    async def test_reads_home_by_absolute_path(self, maker: Maker) -> None:
        made = await maker.open()
        home = (await made.guest.paths()).home

        await made.guest.write_file(f"{home}/.claude/settings.json", b"{}")

        assert await made.guest.read_file(f"{home}/.claude/settings.json") == b"{}"

    @pytest.mark.parametrize("path", ["../x", "a/../../x", "/etc/passwd", "/", "/proc/self/environ", "/workspace2/x"])
    async def test_refuses_paths_outside(self, maker: Maker, path: str) -> None:
        made = await maker.open()

        with pytest.raises(FileRefused):
            await made.guest.read_file(path)
        with pytest.raises(FileRefused):
            await made.guest.write_file(path, b"x")
        with pytest.raises(FileRefused):
            await made.guest.list_dir(path)

    async def test_follows_no_link_at_any_step(self, maker: Maker) -> None:
        made = await maker.open()
        await sh(made, "ln -s /etc e; ln -s /etc/hostname h; ln -s nowhere dangling; mkdir d; ln -s ../d d/loop")

        for path in ("e/hostname", "h", "dangling", "d/loop/x"):
            with pytest.raises(FileRefused):
                await made.guest.read_file(path)
            with pytest.raises(FileRefused):
                await made.guest.write_file(path, b"x")
        with pytest.raises(FileRefused):
            await made.guest.list_dir("e")
        assert (await made.guest.stat("h")).kind == "link"

    async def test_is_not_held_up_by_fifos_devices_and_sockets(self, maker: Maker) -> None:
        made = await maker.open()
        script = "import socket; s = socket.socket(socket.AF_UNIX); s.bind('s')"
        await sh(made, f'mkfifo p; ln -s /dev/zero z; python3 -c "{script}"')
        started = time.monotonic()

        for path in ("p", "z", "s", "."):
            with pytest.raises(FileRefused):
                await made.guest.read_file(path)
            with pytest.raises(FileRefused):
                await made.guest.write_file(path, b"x")

        assert time.monotonic() - started < 2

    async def test_reads_a_part_of_a_huge_sparse_file_at_once(self, maker: Maker) -> None:
        made = await maker.open()
        await sh(made, "truncate -s 10G huge")
        started = time.monotonic()

        data = await made.guest.read_file("huge", offset=5 * 2**30, limit_bytes=1000)

        assert data == bytes(1000)
        assert (await made.guest.stat("huge")).size_bytes == 10 * 2**30
        assert time.monotonic() - started < 2

    async def test_refuses_to_list_a_flood(self, maker: Maker) -> None:
        made = await maker.open()
        await sh(made, "mkdir many; cd many; seq 1 20000 | xargs touch")

        with pytest.raises(FileTooLarge):
            await made.guest.list_dir("many")

    async def test_says_when_there_is_nothing(self, maker: Maker) -> None:
        made = await maker.open()

        with pytest.raises(FileMissing):
            await made.guest.read_file("nothing")
        with pytest.raises(FileMissing):
            await made.guest.stat("nothing/at/all")
        with pytest.raises(FileMissing):
            await made.guest.list_dir("nothing")
        with pytest.raises(FileRefused):
            await made.guest.write_file("x" * 300, b"")

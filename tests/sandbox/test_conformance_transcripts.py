"""An agent's torn record of its conversation is mended, and the original kept; a sound one is not touched."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sandbox import Sandbox
from sandbox.errors import FileRefused, GuestError
from tests.sandbox.backends import Maker

pytestmark = pytest.mark.shares

NAME = ".claude/projects/-workspace/one.jsonl"


def record(name: str, parent: str | None, kind: str = "user", **more: Any) -> dict[str, Any]:
    return {"type": kind, "uuid": name, "parentUuid": parent, "sessionId": "s", "isSidechain": False, **more}


def lines(*records: dict[str, Any]) -> bytes:
    return b"".join(json.dumps(item).encode() + b"\n" for item in records)


FIRST = [record("a", None), record("b", "a", "assistant"), {"type": "mode", "sessionId": "s"}]
SOUND = lines(*FIRST, record("c", "b"))


async def check(made: Sandbox, data: bytes) -> tuple[str, int, list[dict[str, Any]], bytes | None]:
    """What was found, and what is there afterwards."""
    path = f"{(await made.guest.paths()).home}/{NAME}"
    await made.guest.write_file(path, data)
    found = await made.guest.check_transcript(path)
    left = (
        [json.loads(line) for line in (await made.guest.read_file(path)).splitlines()]
        if found.state != "missing"
        else []
    )
    try:
        torn = await made.guest.read_file(path + ".torn")
    except GuestError:
        torn = None
    return found.state, found.lost, left, torn


class TestCheckTranscript:
    async def test_leaves_a_sound_one(self, maker: Maker) -> None:
        state, lost, left, torn = await check(await maker.open(), SOUND)

        assert (state, lost, torn) == ("sound", 0, None)
        assert [item.get("uuid") for item in left] == ["a", "b", None, "c"]

    @pytest.mark.parametrize(
        "end", [b'{"type": "user", "uuid": "d", "mess', b"\x00\x00\xff", b'{"type": "assistant", "a": {"b": 1']
    )
    async def test_cuts_a_torn_end_off(self, maker: Maker, end: bytes) -> None:
        state, lost, left, torn = await check(await maker.open(), SOUND + end)

        assert (state, lost, torn) == ("repaired", 1, SOUND + end)
        assert [item.get("uuid") for item in left] == ["a", "b", None, "c"]

    async def test_ends_the_last_line(self, maker: Maker) -> None:
        state, lost, left, _ = await check(await maker.open(), SOUND[:-1])

        assert (state, lost, len(left)) == ("repaired", 0, 4)

    async def test_parts_two_records_on_one_line(self, maker: Maker) -> None:
        joined = lines(*FIRST)[:-1] + lines(record("c", "b"), record("d", "c"))
        state, lost, left, _ = await check(await maker.open(), joined)

        assert (state, lost) == ("repaired", 0)
        assert [item.get("uuid") for item in left] == ["a", "b", None, "c", "d"]

    async def test_keeps_what_follows_a_torn_record_on_its_line(self, maker: Maker) -> None:
        torn_record = lines(record("c", "b", message={"content": [{"type": "text", "text": "never"}]}))[:-20]
        data = lines(*FIRST) + torn_record + lines(record("d", "c"), record("e", "d"))

        state, _, left, _ = await check(await maker.open(), data)

        assert state == "repaired"
        assert [item.get("uuid") for item in left] == ["a", "b", None, "d", "e"]
        assert [item.get("parentUuid") for item in left] == [None, "a", None, "b", "d"]

    async def test_ties_the_rest_to_what_is_there(self, maker: Maker) -> None:
        data = lines(*FIRST) + b"garbage\n" + lines(record("d", "c"), {"type": "last-prompt", "leafUuid": "c"})

        state, lost, left, _ = await check(await maker.open(), data)

        assert (state, lost, left[-1]) == ("repaired", 1, record("d", "b"))

    @pytest.mark.parametrize("data", [b"", b"\x00" * 4096, b'{"type": "mode"}\n', b'{"type": "user", "uuid"'])
    async def test_says_that_nothing_can_be_saved(self, maker: Maker, data: bytes) -> None:
        assert (await check(await maker.open(), data))[0] == "missing"

    async def test_says_that_there_is_none(self, maker: Maker) -> None:
        made = await maker.open()

        assert (await made.guest.check_transcript(f"{(await made.guest.paths()).home}/nothing")).state == "missing"

    async def test_follows_no_link_and_stays_at_home(self, maker: Maker) -> None:
        made = await maker.open()
        home = (await made.guest.paths()).home
        await made.guest.run(["ln", "-s", "/etc/passwd", f"{home}/link"])

        assert (await made.guest.check_transcript(f"{home}/link")).state == "missing"
        for path in ("/etc/passwd", f"{home}/../x", "relative"):
            with pytest.raises(FileRefused):
                await made.guest.check_transcript(path)


class TestDiskFree:
    async def test_tells_how_much_room_there_is(self, maker: Maker) -> None:
        room = await (await maker.open()).guest.disk_free()

        assert (room.free_bytes > 0, room.is_full) == (True, False)

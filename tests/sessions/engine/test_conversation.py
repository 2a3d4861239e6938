"""The agent's stream on its way into the log: batches, bounds, and what streams now."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

import pytest

from sandbox.errors import SandboxGone
from sessions.engine import conversation
from sessions.engine.conversation import batched
from sessions.events import Entry
from sessions.log import changes
from tests.sessions.stage import Act, Stage, begins, eventually, result, text


def streams(message: str, piece: str) -> list[dict[str, Any]]:
    """Text that streams, without the line that ends it."""
    events = [
        {"type": "message_start", "message": {"id": message}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text"}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": piece}},
    ]
    return [{"type": "stream_event", "event": event} for event in events]


def calls_itself(conversation_id: uuid.UUID) -> Act:
    """A turn in which the agent says what its conversation is resumed by."""
    said = str(conversation_id)
    return lambda id: [begins(said), result(id, session_id=said)]


class Reader:
    """Chunks, then the end; tells whether it was left in order."""

    def __init__(self, chunks: int, failure: Exception | None = None) -> None:
        self.chunks, self.failure, self.is_closed = chunks, failure, False

    async def read(self) -> AsyncGenerator[bytes, None]:
        try:
            for _ in range(self.chunks):
                yield b"x"
            if self.failure is not None:
                raise self.failure
        finally:
            self.is_closed = True


class TestBatched:
    async def test_joins_what_comes_together(self) -> None:
        reader = Reader(300)

        assert [part async for part in batched(reader.read())] == [b"x" * 300]
        assert reader.is_closed

    async def test_gives_what_came_before_the_failure(self) -> None:
        parts = batched(Reader(2, SandboxGone()).read())

        assert await anext(parts) == b"xx"
        with pytest.raises(SandboxGone):
            await anext(parts)

    async def test_can_be_left_while_more_waits(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(conversation, "FLUSH_BYTES", 1)
        reader = Reader(10_000)

        async with asyncio.timeout(5), aclosing(batched(reader.read())) as parts:
            async for _ in parts:
                await asyncio.sleep(0.01)
                break

        assert reader.is_closed


class TestConversation:
    async def test_keeps_streaming_text_for_who_comes_late_and_forgets_it_with_the_turn(
        self, stage: Stage, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(conversation, "LIVE_S", 0.0)
        stage.player.acts = [streams("m1", "so far")]
        job = await stage.asend()

        async with stage.playing(job) as task:
            for _ in range(500):
                await stage.session.arefresh_from_db()
                if stage.session.live:
                    break
                await asyncio.sleep(0.01)
            live = stage.session.live
            stage.guest.print(stage.run_name, *stage.player.lines(result(stage.player.prompt_ids[0])))
            await task
        await stage.reread(job)

        assert live == {"block": "m1:0", "parent": None, "kind": "text", "text": "so far"}
        assert stage.session.live == {}

    async def test_passes_on_no_more_of_a_block_than_anyone_reads(
        self, stage: Stage, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(conversation, "MAX_LIVE", 10)
        monkeypatch.setattr(conversation, "LIVE_S", 0.0)
        more = streams("m1", "67890abcdef")[-1]
        stage.player.acts = [[*streams("m1", "12345"), more, more]]
        job = await stage.asend()

        async with stage.playing(job):
            for _ in range(500):
                await stage.session.arefresh_from_db()
                if stage.session.live:
                    break
                await asyncio.sleep(0.01)

        assert stage.session.live["text"] == "1234567890"

    async def test_reads_a_half_line_again_after_a_crash(self, stage: Stage) -> None:
        (whole,) = stage.player.lines(text("in two halves"))
        stage.player.acts = [[text("so far")]]
        job = await stage.asend()
        async with stage.playing(job):
            await stage.until("assistant.text")
            stage.guest.print(stage.run_name, whole[:20])
            await asyncio.sleep(0.1)
        stage.player.does_greet = False

        async with stage.playing(job) as task:
            await eventually(lambda: len(stage.agent.sent) == 3)
            stage.guest.print(stage.run_name, whole[20:], *stage.player.lines(result(stage.player.prompt_ids[0])))
            await task

        assert [event["text"] for event in await stage.events("assistant.text")] == ["so far", "in two halves"]
        assert await stage.events("agent.raw") == []

    async def test_stores_the_id_that_it_is_resumed_by_when_it_is_a_new_one(
        self, stage: Stage, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        stored, apply = [], changes.apply

        async def noting(*given: Any) -> list[Entry]:
            stored.append(given[2].values)
            return await apply(*given)

        monkeypatch.setattr(changes, "apply", noting)
        first, second = uuid.uuid4(), uuid.uuid4()
        stage.player.acts = [calls_itself(first), calls_itself(first), calls_itself(second)]

        for words in ("one", "two", "three"):
            await stage.play(await stage.asend(words))

        assert stored == [{"claude_session_id": first}, {"claude_session_id": second}]
        assert stage.session.claude_session_id == second

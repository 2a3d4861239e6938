"""Whatever happens, REST, SSE, WebSocket and the database tell the same story, without gaps and once."""

from __future__ import annotations

import asyncio
import json
from typing import Any
from unittest import mock

import pytest
from asgiref.sync import async_to_sync
from channels.db import database_sync_to_async as in_db
from channels.testing import WebsocketCommunicator
from django.db import connection, transaction
from django.utils import timezone
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from accounts.models import Organization, User
from sessions import events, log, queries
from sessions.errors import StaleEpoch
from sessions.events import Entry
from sessions.live import feed, stream, watch
from sessions.live.stream import Follower
from sessions.log import Batch, LogWriter
from sessions.models import AgentSession
from tests import factories
from tests.sessions.live.test_stream import reading
from tests.sessions.rows import make_session
from tests.sessions.test_consumers import opened

Json = dict[str, Any]

# What may happen: (what, how many events, their text).
HAPPENINGS = ("append", "append unheard", "commit", "commit stale", "ring again", "ring early", "delta", "reconnect")
STEPS = st.lists(
    st.tuples(
        st.sampled_from(HAPPENINGS), st.integers(0, 12), st.text(st.characters(exclude_categories=()), max_size=8)
    ),
    min_size=1,
    max_size=10,
)


@pytest.fixture
def olga(transactional_db: None) -> User:
    """Rows that other connections see."""
    user = factories.make_user("olga@example.com")
    factories.make_organization("log", user)
    return user


def notes(count: int, text: str) -> list[Entry]:
    return [Entry("agent.notice", {"level": "info", "text": text, "detail": str(n)}) for n in range(count)]


def append(session: AgentSession, count: int, text: str) -> None:
    with transaction.atomic():
        log.append(session, notes(count, text), now=timezone.now())


def append_unheard(session: AgentSession, count: int, text: str) -> None:
    """From a thread that no event loop knows: its ring gets lost."""
    try:
        append(session, count, text)
    finally:
        connection.close()


class Story:
    """One session to which things happen while it is read in every way."""

    def __init__(self, session: AgentSession, user: User, writer: LogWriter) -> None:
        self.session, self.user, self.writer = session, user, writer
        self.told: list[tuple[int, list[Json]]] = []  # what each reader got, and from which number on

    async def happens(self, what: str, count: int, text: str) -> None:
        id = self.session.pk
        match what:
            case "append":
                await in_db(append)(self.session, count, text)
            case "append unheard":
                await asyncio.to_thread(append_unheard, self.session, count, text)
            case "commit":
                await self.writer.commit(id, 1, Batch(notes(count, text)))
            case "commit stale":
                with pytest.raises(StaleEpoch):
                    await self.writer.commit(id, 0, Batch(notes(count, text)))
            case "ring again":
                rows = await in_db(queries.page_after)(id, count, 5, 10**6)
                await events.aring(id, rows[-1].seq if rows else 0, rows)
            case "ring early":
                await events.aring(id, 10_000 + count)
            case "delta":
                await events.aring_delta(id, block="m:0", parent=None, kind="text", offset=0, text=text)
            case "reconnect":
                after = min(count, await self.last())
                async with opened(self.session, self.user, f"?after={after}") as socket:
                    self.told.append((after, await self.from_socket(socket, after)))

    async def last(self) -> int:
        return int((await in_db(queries.last_seqs)([self.session.pk]))[self.session.pk])

    async def from_socket(self, socket: WebsocketCommunicator, after: int) -> list[Json]:
        found: list[Json] = []
        while len(found) < await self.last() - after or not await socket.receive_nothing(0.02):
            frame = await socket.receive_json_from(timeout=5)
            if frame.pop("type") == "event":
                found.append(frame)
        return found

    async def from_sse(self, blocks: Any) -> list[Json]:
        found: list[Json] = []
        while len(found) < await self.last():
            block = await anext(blocks)
            if "id" in block:
                event = json.loads(block["data"])
                assert (block["id"], block["event"]) == (str(event["seq"]), event["kind"])
                found.append(event)
        return found

    async def from_follower(self, follower: Follower) -> list[Json]:
        found: list[Json] = []
        is_over = False
        while not is_over:
            frames = await follower.frames()
            found += [json.loads(frame.body) for frame in frames if frame.type == "event"]
            is_over = not frames and len(found) >= await self.last()
        return found


class TestEveryWay:
    @hypothesis_settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(steps=STEPS, kept=st.integers(1, 40), page_bytes=st.integers(1, 2000), page=st.integers(1, 20))
    def test_tells_the_same(
        self, olga: User, steps: list[tuple[str, int, str]], kept: int, page_bytes: int, page: int
    ) -> None:
        quick: list[Any] = [mock.patch.object(stream, "WAIT_S", 0.02), mock.patch.object(feed, "POLL_S", 0.02)]
        quick += [mock.patch.object(watch, "TICK_S", 0.01), mock.patch.object(stream, "CATCH_UP_S", 0.0)]
        sizes = [mock.patch.object(feed, "MAX_ITEMS", kept), mock.patch.object(stream, "PAGE_BYTES", page_bytes)]
        sizes.append(mock.patch.object(stream, "PAGE", page))
        with mock.patch("channels.db.close_old_connections"):  # as for async tests, see tests/conftest.py
            for patch in (*quick, *sizes):
                patch.start()
            try:
                async_to_sync(self.tell)(olga, steps)
            finally:
                mock.patch.stopall()

    async def tell(self, olga: User, steps: list[tuple[str, int, str]]) -> None:
        session = await in_db(lambda: make_session(Organization.objects.get(), epoch=1))()
        async with LogWriter() as writer, Follower(session.pk, 0) as slow, opened(session, olga) as socket:
            story = Story(session, olga, writer)
            async with reading(session, olga) as blocks:
                for step in steps:
                    await story.happens(*step)
                    await asyncio.sleep(0.01)  # time for the readers to follow
                story.told.append((0, await story.from_socket(socket, 0)))
                story.told.append((0, await story.from_sse(blocks)))
                story.told.append((0, await story.from_follower(slow)))
        rest = await in_db(queries.events_after)(session.pk, 0, 10_000)

        assert [event["seq"] for event in rest] == list(range(1, len(rest) + 1))
        for after, told in story.told:
            assert told == rest[after : after + len(told)]
        assert [len(told) for _, told in story.told[-3:]] == [len(rest)] * 3

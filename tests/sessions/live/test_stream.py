"""Following a log: SSE, and the promise that every way of reading gives each event once and in order."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any
from unittest import mock

import pytest
from asgiref.sync import async_to_sync
from channels.db import database_sync_to_async as in_db
from django.db import transaction
from django.test import AsyncClient
from django.utils import timezone
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from accounts.auth import actor_for
from accounts.models import ApiToken, Membership, Organization, User
from sessions import events, log, queries
from sessions.events import Entry
from sessions.live import feed, stream, watch
from sessions.live.credentials import Credentials
from sessions.live.frames import Frame
from sessions.live.start import Start
from sessions.live.stream import Follower
from sessions.models import AgentSession
from tests import factories
from tests.client import session_key
from tests.sessions.rows import make_session
from tests.sessions.test_consumers import opened


@pytest.fixture
def session(organization: Organization) -> AgentSession:
    return make_session(organization)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "WAIT_S", 0.02)
    monkeypatch.setattr(feed, "POLL_S", 0.02)
    monkeypatch.setattr(watch, "TICK_S", 0.02)
    monkeypatch.setattr("sessions.live.credentials.RECHECK_S", 0.0)


def append(session: AgentSession, count: int) -> None:
    with transaction.atomic():
        entries = [Entry("agent.notice", {"level": "info", "text": "x", "detail": ""})] * count
        log.append(session, entries, now=timezone.now())


async def lines(chunks: AsyncIterator[Any]) -> AsyncIterator[dict[str, str]]:
    """Parse server-sent events as a browser does; a comment is `{"": text}`."""
    async for chunk in chunks:
        text = chunk.decode() if isinstance(chunk, bytes) else chunk
        for block in text.split("\n\n"):
            if block:
                yield dict(_field(line) for line in block.split("\n"))


def _field(line: str) -> tuple[str, str]:
    name, _, value = line.partition(": ")
    return name.rstrip(":"), value


@contextlib.asynccontextmanager
async def reading(
    session: AgentSession, user: User, after: int | None = 0, tail: int = 0
) -> AsyncIterator[AsyncIterator[dict[str, str]]]:
    source = stream.sse(session.pk, Start(after, tail), Credentials(await in_db(actor_for)(user)))
    try:
        yield lines(source)
    finally:
        await source.aclose()


class TestSse:
    async def test_gives_number_kind_and_event(self, session: AgentSession, vera: User) -> None:
        await in_db(append)(session, 2)

        async with reading(session, vera, after=1) as events_:
            assert await anext(events_) == {"retry": "1000"}
            event = await anext(events_)

        assert (event["id"], event["event"]) == ("2", "agent.notice")
        assert json.loads(event["data"]) == (await in_db(queries.events_after)(session.pk, 1, 10))[0]

    async def test_begins_with_the_newest_page_and_goes_on_after_it(
        self, session: AgentSession, vera: User, quick: None
    ) -> None:
        await in_db(append)(session, 5)

        async with reading(session, vera, None, tail=2) as events_:
            await anext(events_)
            page = await anext(events_)
            await in_db(append)(session, 1)
            event = await anext(events_)

        told = json.loads(page["data"])
        assert (page["event"], page["id"]) == ("page", "5")  # a browser comes back with this number
        assert [event["seq"] for event in told["items"]] == [4, 5]
        assert (told["carried"], told["has_more"], told["last_seq"]) == ([], True, 5)
        assert event["id"] == "6"

    async def test_gives_no_page_to_who_misses_little(self, session: AgentSession, vera: User) -> None:
        await in_db(append)(session, 5)

        async with reading(session, vera, 3, tail=2) as events_:
            await anext(events_)
            assert [(await anext(events_))["id"] for _ in range(2)] == ["4", "5"]

    async def test_gives_deltas_without_a_number(self, session: AgentSession, vera: User) -> None:
        async with reading(session, vera) as events_:
            await anext(events_)
            next_ = asyncio.ensure_future(anext(events_))
            await asyncio.sleep(0.05)
            await events.aring_delta(session.pk, block="m:0", parent=None, kind="text", offset=0, text="Hi\nthere")
            event = await next_

        assert event["event"] == "delta"
        assert "id" not in event
        assert json.loads(event["data"])["text"] == "Hi\nthere"

    async def test_pings_while_nothing_happens(
        self, session: AgentSession, vera: User, quick: None, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(stream, "PING_S", 0.05)

        async with reading(session, vera) as events_:
            await anext(events_)
            assert await anext(events_) == {"": "ping"}

    async def test_ends_when_the_member_is_removed(self, session: AgentSession, bob: User, quick: None) -> None:
        async with reading(session, bob) as events_:
            await anext(events_)
            await in_db(Membership.objects.filter(user=bob).delete)()

            assert [event async for event in events_ if "event" in event] == []

    async def test_ends_after_its_lifetime(
        self, session: AgentSession, bob: User, quick: None, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(stream, "LIFETIME_S", 0.1)

        async with reading(session, bob) as events_:
            assert [event async for event in events_] == [{"retry": "1000"}]


class TestStreamEndpoint:
    async def get(self, session: AgentSession, token: str, **headers: str) -> Any:
        path = f"/api/sessions/{session.pk}/stream?after=1"
        return await AsyncClient().get(path, headers={"Authorization": f"Bearer {token}", **headers})

    async def test_streams_and_honours_last_event_id(
        self, session: AgentSession, bob: User, organization: Organization
    ) -> None:
        await in_db(append)(session, 4)
        token = await in_db(factories.make_token)(bob, organization)

        response = await self.get(session, token, **{"Last-Event-ID": "2"})
        events_ = lines(response.streaming_content)
        found = [await anext(events_) for _ in range(3)][1:]
        await response.streaming_content.aclose()

        assert response["Content-Type"] == "text/event-stream"
        assert response["Cache-Control"] == "no-store"
        assert [event["id"] for event in found] == ["3", "4"]

    @pytest.mark.parametrize("last", ["x", "-1", str(2**63), "1 2"])
    async def test_refuses_a_last_event_id_that_is_none(
        self, session: AgentSession, bob: User, organization: Organization, last: str
    ) -> None:
        token = await in_db(factories.make_token)(bob, organization)

        assert (await self.get(session, token, **{"Last-Event-ID": last})).status_code == 400


class TestCredentials:
    def test_end_with_the_browser_session(self, session: AgentSession, bob: User) -> None:
        credentials = Credentials(actor_for(bob), session_key(bob))
        assert credentials.actor_now(timezone.now()).roles

        bob.set_password("something-else")
        bob.save()

        with pytest.raises(Exception, match="Sign in"):
            credentials.actor_now(timezone.now())

    def test_end_with_the_token(self, bob: User, organization: Organization) -> None:
        factories.make_token(bob, organization)
        credentials = Credentials(actor_for(bob).narrowed(organization.pk, ["READ"], ApiToken.objects.get().pk))
        assert credentials.actor_now(timezone.now()).roles

        ApiToken.objects.update(expires_at=timezone.now())

        with pytest.raises(Exception, match="Sign in"):
            credentials.actor_now(timezone.now())

    def test_end_with_the_user(self, bob: User) -> None:
        credentials = Credentials(actor_for(bob))
        bob.is_active = False
        bob.save()

        with pytest.raises(Exception, match="Sign in"):
            credentials.actor_now(timezone.now())


class TestFollower:
    async def test_bounds_what_a_reader_does_not_take(
        self, session: AgentSession, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(feed, "MAX_BYTES", 10)

        async with Follower(session.pk, 0) as follower, Follower(session.pk, 0) as other:
            await follower.frames()
            for n in range(50):
                await events.aring_delta(session.pk, block="m:0", parent=None, kind="text", offset=n, text="x")
            assert follower._feed is other._feed
            assert len(follower._feed._items) == 10

    async def test_gives_the_text_before_to_who_comes_in_mid_sentence(self, session: AgentSession, quick: None) -> None:
        live = {"block": "m:0", "parent": None, "kind": "text", "text": "Once upon "}
        async with Follower(session.pk, 0) as follower:
            await follower.frames()
            await in_db(AgentSession.objects.filter(pk=session.pk).update)(live=live)
            for offset, text in ((7, "on a "), (12, "time")):
                await events.aring_delta(session.pk, block="m:0", parent=None, kind="text", offset=offset, text=text)
                await asyncio.sleep(0.05)
            frames = await follower.frames()

        assert [(frame["offset"], frame["text"]) for frame in bodies(frames)] == [(0, "Once upon a time")]

    async def test_does_not_wait_for_ever_for_text_that_was_not_kept(
        self, session: AgentSession, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(stream, "CATCH_UP_S", 0.0)
        async with Follower(session.pk, 0) as follower:
            await follower.frames()
            await events.aring_delta(session.pk, block="m:0", parent=None, kind="text", offset=7, text="on a")

            assert [(frame["offset"], frame["text"]) for frame in bodies(await follower.frames())] == [(7, "on a")]

    async def test_joins_deltas_that_follow_one_another(self, session: AgentSession) -> None:
        async with Follower(session.pk, 0) as follower:
            await follower.frames()
            for offset, block in [(0, "a"), (1, "a"), (2, "a"), (0, "b")]:
                await events.aring_delta(session.pk, block=block, parent=None, kind="text", offset=offset, text="x")
            await asyncio.sleep(0.05)
            frames = [*await follower.frames(), *await follower.frames()]

        assert [(frame["block"], frame["offset"], frame["text"]) for frame in bodies(frames)] == [
            ("a", 0, "xxx"),
            ("b", 0, "x"),
        ]

    async def test_looks_by_itself_when_nobody_rings(self, session: AgentSession, quick: None) -> None:
        async with Follower(session.pk, 0) as follower:
            assert await follower.frames() == []
            await in_db(append)(session, 1)
            frames: list[Frame] = []
            while not frames:
                frames = await follower.frames()

        assert frames[0].seq == 1

    async def test_takes_events_from_the_ring_and_gaps_from_the_database(self, session: AgentSession) -> None:
        async with Follower(session.pk, 0) as follower:
            await follower.frames()
            await in_db(append)(session, 3)
            rows = await in_db(queries.page_after)(session.pk, 0, 10, 10**6)
            await events.aring(session.pk, 1, [replace(rows[0], body='{"rung": 1}')])
            first = await follower.frames()
            await events.aring(session.pk, 3, rows[2:])
            rest = await follower.frames()

        assert [frame.body for frame in first] == ['{"rung": 1}']
        assert rest == rows[1:]

    async def test_does_not_spin_when_a_ring_tells_of_what_there_is_not(
        self, session: AgentSession, quick: None
    ) -> None:
        async with Follower(session.pk, 0) as follower:
            await follower.frames()
            await events.aring(session.pk, 7, [Frame("event", "{}", 7, "agent.notice")])

            assert [await follower.frames() for _ in range(3)] == [[], [], []]
            await in_db(append)(session, 1)
            await events.aring(session.pk, 1)
            assert [frame.seq for frame in await follower.frames()] == [1]

    async def test_reads_large_events_one_at_a_time(
        self, session: AgentSession, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(stream, "PAGE_BYTES", 1)
        await in_db(append)(session, 3)

        async with Follower(session.pk, 0) as follower:
            found = [await follower.frames() for _ in range(3)]

        assert [[frame.seq for frame in frames] for frames in found] == [[1], [2], [3]]


def bodies(frames: list[Frame]) -> list[Any]:
    return [json.loads(frame.body) for frame in frames]


WAYS = ("rest", "sse", "ws")


class TestReplay:
    """Any interleaving of appends and reconnects, over any of the three ways, shows each number once and in order."""

    @hypothesis_settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(
        steps=st.lists(
            st.tuples(st.sampled_from(WAYS), st.integers(0, 120), st.integers(0, 150), st.booleans()),
            min_size=1,
            max_size=6,
        )
    )
    def test_shows_each_event_once_in_order(
        self, session: AgentSession, bob: User, steps: list[tuple[str, int, int, bool]]
    ) -> None:
        with mock.patch("channels.db.close_old_connections"):  # as for async tests, see tests/conftest.py
            async_to_sync(self.replay)(session, bob, steps)

    async def replay(self, session: AgentSession, bob: User, steps: list[tuple[str, int, int, bool]]) -> None:
        """Each step: so many events come before and while a reader is connected, who then takes some and goes."""
        await in_db(session.refresh_from_db)()
        start = session.last_seq
        seen: list[int] = []
        for way, count, take, is_rung in steps:
            await in_db(append)(session, count)
            after = seen[-1] if seen else start
            wanted = min(take, session.last_seq - after)
            seen += await getattr(self, way)(session, bob, after, wanted, is_rung)
        after = seen[-1] if seen else start
        seen += await self.rest(session, bob, after, session.last_seq - after, False)

        assert seen == list(range(start + 1, session.last_seq + 1))

    async def rest(self, session: AgentSession, bob: User, after: int, wanted: int, is_rung: bool) -> list[int]:
        return [event["seq"] for event in await in_db(queries.events_after)(session.pk, after, wanted)]

    async def sse(self, session: AgentSession, bob: User, after: int, wanted: int, is_rung: bool) -> list[int]:
        seen: list[int] = []
        async with reading(session, bob, after) as events_:
            await anext(events_)
            await self.grow(session, is_rung)
            while len(seen) < wanted:
                event = await anext(events_)
                if "id" in event:
                    seen.append(int(event["id"]))
        return seen

    async def ws(self, session: AgentSession, bob: User, after: int, wanted: int, is_rung: bool) -> list[int]:
        seen: list[int] = []
        async with opened(session, bob, f"?after={after}") as socket:
            assert (await socket.receive_json_from())["type"] == "hello"
            await self.grow(session, is_rung)
            while len(seen) < wanted:
                frame = await socket.receive_json_from()
                if frame["type"] == "event":
                    seen.append(frame["seq"])
        return seen

    async def grow(self, session: AgentSession, is_rung: bool) -> None:
        """More comes while the reader is connected, with doorbells that are early, doubled or missing."""
        if is_rung:
            await in_db(append)(session, 3)
            await events.aring(session.pk, session.last_seq)
            await events.aring(session.pk, session.last_seq - 1)

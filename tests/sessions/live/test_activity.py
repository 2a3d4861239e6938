"""What happens in an organisation, told to pages that show its tree."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from channels.db import database_sync_to_async as in_db
from django.db import transaction
from django.test import AsyncClient
from django.utils import timezone

from accounts.auth import actor_for
from accounts.models import Membership, Organization, User
from sessions import events, log, services
from sessions.live import activity, doorbell
from sessions.live.credentials import Credentials
from sessions.models import AgentSession
from tests import factories
from tests.sessions.live.test_stream import lines
from tests.sessions.rows import make_permission, make_session


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(activity, "GATHER_S", 0.02)
    monkeypatch.setattr(activity, "WAIT_S", 0.05)
    monkeypatch.setattr("sessions.live.credentials.RECHECK_S", 0.0)


@pytest.fixture
def session(organization: Organization) -> AgentSession:
    return make_session(organization)


class Page:
    """One reader, frame by frame; comments and the retry line are passed over."""

    def __init__(self, source: AsyncIterator[dict[str, str]]) -> None:
        self._source = source

    async def next(self) -> tuple[str, dict[str, Any]]:
        async with asyncio.timeout(5):
            async for frame in self._source:
                if "event" in frame:
                    return frame["event"], json.loads(frame["data"])
        return "end", {}


@contextlib.asynccontextmanager
async def opened(organization: Organization, user: User) -> AsyncIterator[Page]:
    source = activity.sse(organization.pk, Credentials(await in_db(actor_for)(user)))
    try:
        yield Page(lines(source))
    finally:
        await source.aclose()


async def changed(session: AgentSession, **fields: Any) -> None:
    """As a runner or another process changes it: rows first, then a ring."""
    await in_db(lambda: AgentSession.objects.filter(pk=session.pk).update(**fields))()
    doorbell.hub().ring(
        events.organization_group(session.organization_id), {"type": "tree", "session_id": session.pk.hex}
    )


class TestActivity:
    async def test_tells_the_tree_and_then_what_changes(
        self, session: AgentSession, organization: Organization, bob: User
    ) -> None:
        async with opened(organization, bob) as page:
            kind, tree = await page.next()
            assert (kind, [row["id"] for row in tree["sessions"]]) == ("tree", [str(session.pk)])

            await in_db(make_permission)(session)
            await changed(session, git_status="DIRTY", last_seq=9)
            kind, changes = await page.next()

        assert kind == "changes"
        assert [(row["git_status"], row["last_seq"], row["is_waiting"]) for row in changes["sessions"]] == [
            ("DIRTY", 9, True)
        ]
        assert "marks" not in changes

    async def test_takes_away_what_was_archived_or_deleted(
        self, session: AgentSession, organization: Organization, bob: User
    ) -> None:
        async with opened(organization, bob) as page:
            await page.next()

            await changed(session, archived_at=timezone.now())

            assert (await page.next())[1]["gone"] == [str(session.pk)]

    async def test_notices_without_a_ring(
        self, session: AgentSession, organization: Organization, bob: User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(activity, "LOOK_S", 0.05)

        async with opened(organization, bob) as page:
            await page.next()
            await in_db(AgentSession.objects.filter(pk=session.pk).update)(name="another")

            assert [row["name"] for row in (await page.next())[1]["sessions"]] == ["another"]

    async def test_tells_marks_to_their_owner_only(
        self, session: AgentSession, organization: Organization, alice: User, bob: User
    ) -> None:
        async with opened(organization, bob) as mine, opened(organization, alice) as hers:
            await mine.next()
            await hers.next()
            await in_db(services.mark_session)(session=session, user=bob, is_pinned=True)
            doorbell.hub().ring(
                events.marks_group(organization.pk, bob.pk), {"type": "marks", "session_ids": [session.pk.hex]}
            )
            _, changes = await mine.next()
            await changed(session, name="for both")
            _, others = await hers.next()

        assert [mark["is_pinned"] for mark in changes["marks"]] == [True]
        assert "marks" not in others

    async def test_gathers_for_a_slow_page_what_it_has_not_taken(
        self, session: AgentSession, organization: Organization, bob: User
    ) -> None:
        async with opened(organization, bob) as page:
            await page.next()
            for number in range(5):
                await changed(session, name=f"name {number}")
                await asyncio.sleep(0.05)
            names = [row["name"] for row in (await page.next())[1]["sessions"]]

        assert names == ["name 4"]

    async def test_looks_once_for_all_who_read(
        self, session: AgentSession, organization: Organization, alice: User, bob: User
    ) -> None:
        async with opened(organization, alice) as one, opened(organization, bob) as two:
            await one.next()
            await two.next()
            first = next(iter(activity._activities[asyncio.get_running_loop()].values()))
            assert len(first.readers) == 2
            assert len(activity._activities[asyncio.get_running_loop()]) == 1

        assert activity._activities[asyncio.get_running_loop()] == {}

    async def test_ends_when_the_member_is_removed(self, organization: Organization, bob: User) -> None:
        async with opened(organization, bob) as page:
            await page.next()
            await in_db(Membership.objects.filter(user=bob, organization=organization).delete)()

            assert (await page.next())[0] == "end"

    async def test_is_there_for_members_only(self, organization: Organization, bob: User, charlie: User) -> None:
        mine = await in_db(factories.make_token)(bob, organization)
        theirs = await in_db(factories.make_token)(charlie, await in_db(charlie.organizations.get)())

        async def status(token: str) -> int:
            path = f"/api/orgs/{organization.pk}/activity"
            response: Any = await AsyncClient().get(path, headers={"Authorization": f"Bearer {token}"})
            if response.streaming:
                await response.streaming_content.aclose()
            return int(response.status_code)

        assert (await status(mine), await status(theirs)) == (200, 404)


class TestRings:
    def test_come_with_what_the_tree_shows_and_no_more(
        self, session: AgentSession, monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Any
    ) -> None:
        rung: list[str] = []
        monkeypatch.setattr("sessions.live.doorbell.ring", lambda group, message: rung.append(group))
        tree = events.organization_group(session.organization_id)

        with django_capture_on_commit_callbacks(execute=True):
            services.update_session(session=session, name="better", now=timezone.now())
        assert tree in rung

        rung.clear()
        notice = events.Entry("agent.notice", {"level": "info", "text": "x", "detail": ""})
        with django_capture_on_commit_callbacks(execute=True), transaction.atomic():
            log.append(session, [notice], now=timezone.now())
        assert rung
        assert tree not in rung

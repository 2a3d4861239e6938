"""The session socket, from the handshake to its close codes."""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from channels.db import database_sync_to_async as in_db
from channels.routing import URLRouter
from channels.testing import WebsocketCommunicator
from django.db import transaction
from django.utils import timezone

from accounts.auth import actor_for, actor_for_token
from accounts.models import ApiToken, Membership, Organization, User
from accounts.tenancy import Actor, Role
from sessions import consumers, dispatch, events, log
from sessions.events import Entry
from sessions.models import AgentSession, Job, JobStatus, Message, PermissionRequest
from sessions.routing import websocket_urlpatterns
from tests import factories
from tests.sessions.rows import make_job, make_permission, make_session

application = URLRouter(websocket_urlpatterns)


@pytest.fixture
def session(organization: Organization) -> AgentSession:
    return make_session(organization)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rights are looked at again at once, not after ten seconds."""
    monkeypatch.setattr("sessions.live.credentials.RECHECK_S", 0.0)
    monkeypatch.setattr("sessions.live.stream.WAIT_S", 0.05)
    monkeypatch.setattr("sessions.live.feed.POLL_S", 0.05)
    monkeypatch.setattr("sessions.live.watch.TICK_S", 0.02)


def append(session: AgentSession, *texts: str) -> None:
    with transaction.atomic():
        entries = [Entry("agent.notice", {"level": "info", "text": text, "detail": ""}) for text in texts]
        log.append(session, entries, now=timezone.now())


def dial(session_id: uuid.UUID, actor: Actor | None, query: str = "") -> WebsocketCommunicator:
    communicator = WebsocketCommunicator(application, f"/ws/sessions/{session_id}{query}")
    communicator.scope["actor"] = actor
    return communicator


@contextlib.asynccontextmanager
async def opened(session: AgentSession, user: User, query: str = "") -> AsyncIterator[WebsocketCommunicator]:
    socket = dial(session.pk, await in_db(actor_for)(user), query)
    connected, _ = await socket.connect()
    assert connected
    try:
        yield socket
    finally:
        await socket.disconnect()


async def refused(socket: WebsocketCommunicator) -> int:
    connected, code = await socket.connect()
    assert not connected
    assert not consumers._open
    return int(code)


async def closed(socket: WebsocketCommunicator) -> int:
    """The close code; frames that come before it are skipped."""
    while (message := await socket.receive_output(timeout=5))["type"] != "websocket.close":
        pass
    return int(message["code"])


class TestHandshake:
    async def test_is_refused_without_an_actor(self, session: AgentSession) -> None:
        assert await refused(dial(session.pk, None)) == 4401

    async def test_is_not_found_for_a_stranger_as_for_a_random_id(self, session: AgentSession, charlie: User) -> None:
        actor = await in_db(actor_for)(charlie)

        assert await refused(dial(session.pk, actor)) == await refused(dial(uuid.uuid4(), actor)) == 4404

    @pytest.mark.parametrize("after", ["-1", str(2**63), "x", "%00", "1e3", "1&after=x", "1&tail=1001", "1&tail=x"])
    async def test_is_refused_with_a_number_that_is_none(self, session: AgentSession, bob: User, after: str) -> None:
        assert await refused(dial(session.pk, await in_db(actor_for)(bob), f"?after={after}")) == 4400

    async def test_is_refused_beyond_the_limit(
        self, session: AgentSession, bob: User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(consumers, "SOCKETS_PER_USER", 1)

        async with opened(session, bob):
            connected, code = await dial(session.pk, await in_db(actor_for)(bob)).connect()
            assert (connected, code) == (False, 1013)
        async with opened(session, bob):
            pass
        assert not consumers._open


class TestDelivery:
    async def test_says_hello_then_what_was_missed_then_what_comes(self, session: AgentSession, vera: User) -> None:
        await in_db(append)(session, "1", "2", "3")
        await in_db(AgentSession.objects.update)(live={"block": "m:0", "parent": None, "kind": "text", "text": "so f"})

        async with opened(session, vera, "?after=1") as socket:
            hello = await socket.receive_json_from()
            missed = [await socket.receive_json_from() for _ in range(2)]
            await in_db(append)(session, "4")
            await events.aring(session.pk, 4)
            live = await socket.receive_json_from()

        assert (hello["type"], hello["last_seq"], hello["live"]["text"]) == ("hello", 3, "so f")
        assert hello["session"]["id"] == str(session.pk)
        assert hello["session"]["pending_permissions"] == []
        assert timedelta(0) <= timezone.now() - datetime.fromisoformat(hello["now"]) < timedelta(minutes=5)
        assert [(frame["type"], frame["seq"]) for frame in [*missed, live]] == [
            ("event", 2),
            ("event", 3),
            ("event", 4),
        ]

    @pytest.mark.parametrize(
        ("query", "page", "missed"),
        [
            ("?tail=2", [4, 5], []),
            ("?tail=9", [1, 2, 3, 4, 5], []),
            ("?after=3&tail=2", None, [4, 5]),
            ("?after=2&tail=2", [4, 5], []),  # misses more than it wants
            ("?after=9&tail=2", [4, 5], []),  # of a log that is not this one any more
        ],
    )
    async def test_begins_with_the_newest_page_for_who_has_nothing(
        self, session: AgentSession, bob: User, query: str, page: list[int] | None, missed: list[int]
    ) -> None:
        await in_db(append)(session, *"12345")

        async with opened(session, bob, query) as socket:
            hello = await socket.receive_json_from()
            old = [(await socket.receive_json_from())["seq"] for _ in missed]
            await in_db(append)(session, "6")
            await events.aring(session.pk, 6)
            new = await socket.receive_json_from()

        shown = None if page is None else [event["seq"] for event in hello["page"]["items"]]
        assert ("page" in hello, shown, old, new["seq"]) == (page is not None, page, missed, 6)
        if page is not None:
            assert (hello["page"]["carried"], hello["page"]["has_more"]) == ([], page[0] > 1)

    async def test_catches_up_over_several_pages(self, session: AgentSession, bob: User) -> None:
        await in_db(append)(session, *map(str, range(250)))

        async with opened(session, bob) as socket:
            await socket.receive_json_from()
            seqs = [(await socket.receive_json_from())["seq"] for _ in range(250)]

        assert seqs == list(range(1, 251))

    async def test_finds_what_no_doorbell_told_of(self, session: AgentSession, bob: User, quick: None) -> None:
        async with opened(session, bob) as socket:
            await socket.receive_json_from()
            await in_db(append)(session, "silent")

            assert (await socket.receive_json_from())["payload"]["text"] == "silent"

    async def test_passes_deltas_on_in_their_place(self, session: AgentSession, bob: User) -> None:
        async def delta(offset: int, text: str) -> None:
            await events.aring_delta(session.pk, block="m:0", parent=None, kind="text", offset=offset, text=text)

        async with opened(session, bob) as socket:
            await socket.receive_json_from()
            assert await socket.receive_nothing(0.05)
            await delta(0, "Hel")
            await delta(3, "lo")
            await in_db(append)(session, "final")
            await events.aring(session.pk, 1)
            frames: list[dict[str, Any]] = []
            while not frames or frames[-1]["type"] != "event":
                frames.append(await socket.receive_json_from())

        text = "".join(frame["text"] for frame in frames if frame["type"] == "delta")
        assert text == "Hello"
        assert frames[0] == {**frames[0], "block": "m:0", "parent": None, "kind": "text", "offset": 0}

    async def test_starts_at_the_end_of_the_log_when_the_client_is_ahead(
        self, session: AgentSession, bob: User, quick: None
    ) -> None:
        await in_db(append)(session, "1")

        async with opened(session, bob, "?after=900") as socket:
            assert (await socket.receive_json_from())["last_seq"] == 1
            await in_db(append)(session, "2")
            assert (await socket.receive_json_from())["seq"] == 2

    async def test_closes_a_client_that_takes_nothing(self, session: AgentSession, bob: User, settings: Any) -> None:
        settings.SLOW_READER_S = 0.05
        closed: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

        async def send(message: dict[str, Any]) -> None:
            if message["type"] == "websocket.send":
                await asyncio.Event().wait()
            elif message["type"] == "websocket.close":
                closed.put_nowait(message)

        inbox: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        inbox.put_nowait({"type": "websocket.connect"})
        scope = dial(session.pk, await in_db(actor_for)(bob)).scope
        task = asyncio.create_task(application(scope, inbox.get, send))
        message = await asyncio.wait_for(closed.get(), 5)
        inbox.put_nowait({"type": "websocket.disconnect", "code": 1013})
        await task

        assert message["code"] == 1013


class TestHeartbeat:
    async def test_pings_and_keeps_who_answers(
        self, session: AgentSession, bob: User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(consumers, "PING_S", 0.1)
        monkeypatch.setattr(consumers, "SILENT_S", 0.5)

        async with opened(session, bob) as socket:
            kinds = [(await socket.receive_json_from())["type"]]
            while kinds[-1] == "ping":  # which does not wait for what a busy server has to say first
                kinds.append((await socket.receive_json_from())["type"])
            assert kinds[-1] == "hello"
            for _ in range(10):
                assert await socket.receive_json_from() == {"type": "ping"}
                await socket.send_json_to({"type": "pong"})

    async def test_closes_who_says_nothing_though_it_takes_everything(
        self, session: AgentSession, bob: User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(consumers, "PING_S", 0.05)
        monkeypatch.setattr(consumers, "SILENT_S", 0.2)

        async with opened(session, bob) as socket:
            assert await closed(socket) == 4408
        assert not consumers._open


class TestQueue:
    async def test_tells_the_places_of_jobs_that_wait_and_when_they_no_longer_do(
        self, session: AgentSession, bob: User, quick: None, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("sessions.live.watch.PLACES_S", 0.0)
        job = await in_db(make_job)(session)
        place = (await in_db(dispatch.places)([session.pk]))[job.pk]

        async with opened(session, bob) as socket:
            assert (await socket.receive_json_from())["type"] == "hello"
            assert await socket.receive_json_from() == {"type": "queue", "places": {str(job.pk): place}}
            await in_db(Job.objects.update)(status=JobStatus.CANCELLED)
            assert await socket.receive_json_from() == {"type": "queue", "places": {}}


class TestRights:
    async def test_closes_when_the_member_is_removed(self, session: AgentSession, bob: User, quick: None) -> None:
        async with opened(session, bob) as socket:
            await in_db(Membership.objects.filter(user=bob).delete)()

            assert await closed(socket) == 4404

    async def test_closes_when_the_organization_is_suspended(
        self, session: AgentSession, bob: User, quick: None
    ) -> None:
        async with opened(session, bob) as socket:
            await in_db(Organization.objects.update)(suspended_at=timezone.now())

            assert await closed(socket) == 4403

    async def test_closes_when_the_token_is_revoked(
        self, session: AgentSession, bob: User, organization: Organization, quick: None
    ) -> None:
        token = await in_db(factories.make_token)(bob, organization)
        socket = dial(session.pk, await in_db(actor_for_token)(token, now=timezone.now()))
        await socket.connect()

        await in_db(ApiToken.objects.update)(revoked_at=timezone.now())

        assert await closed(socket) == 4401
        await socket.disconnect()

    async def test_closes_when_the_session_is_deleted(self, session: AgentSession, bob: User, quick: None) -> None:
        async with opened(session, bob) as socket:
            await in_db(AgentSession.objects.update)(deleted_at=timezone.now())

            assert await closed(socket) == 4404

    @pytest.mark.parametrize(
        "frame",
        [
            {"type": "message", "text": "x"},
            {"type": "approve", "permission_id": str(uuid.uuid4())},
            {"type": "deny", "permission_id": str(uuid.uuid4())},
            {"type": "answer", "permission_id": str(uuid.uuid4()), "answers": {}},
            {"type": "interrupt"},
            {"type": "cancel"},
        ],
    )
    async def test_lets_a_viewer_watch_but_not_act(
        self, session: AgentSession, vera: User, frame: dict[str, Any]
    ) -> None:
        async with opened(session, vera) as socket:
            await socket.receive_json_from()
            await socket.send_json_to({**frame, "id": "q1"})
            answer = await socket.receive_json_from()

        assert (answer["type"], answer["error"], answer["reply_to"]) == ("error", "forbidden", "q1")
        assert not await Message.objects.aexists()

    async def test_looks_at_the_role_anew_at_every_frame(self, session: AgentSession, bob: User) -> None:
        async with opened(session, bob) as socket:
            await socket.receive_json_from()
            await in_db(Membership.objects.filter(user=bob).update)(role=Role.VIEWER)
            await socket.send_json_to({"type": "message", "text": "x"})

            assert (await socket.receive_json_from())["error"] == "forbidden"


class TestFrames:
    async def act(self, session: AgentSession, user: User, frame: dict[str, Any]) -> None:
        """Send a frame, and a ping whose pong says that the frame has been dealt with."""
        async with opened(session, user) as socket:
            await socket.receive_json_from()
            await socket.send_json_to(frame)
            await socket.send_json_to({"type": "ping", "id": 7})
            while (answer := await socket.receive_json_from())["type"] in ("event", "queue"):
                pass
            assert answer == {"type": "pong", "reply_to": 7}

    async def test_sends_a_message_once_per_id(self, session: AgentSession, bob: User) -> None:
        frame = {"type": "message", "id": str(uuid.uuid4()), "text": "hello"}

        await self.act(session, bob, frame)
        await self.act(session, bob, frame)

        message = await Message.objects.aget()
        assert (str(message.pk), message.text, message.author_id) == (frame["id"], "hello", bob.pk)

    async def test_approves(self, session: AgentSession, bob: User) -> None:
        request = await in_db(make_permission)(session)

        await self.act(session, bob, {"type": "approve", "permission_id": str(request.pk), "always": True})

        row = await PermissionRequest.objects.aget()
        assert (row.status, row.answer) == ("ALLOWED", {"reason": "", "answers": {}, "always": True})

    async def test_denies(self, session: AgentSession, bob: User) -> None:
        request = await in_db(make_permission)(session)

        await self.act(session, bob, {"type": "deny", "permission_id": str(request.pk), "reason": "no"})

        assert (await PermissionRequest.objects.aget()).status == "DENIED"

    async def test_answers_a_question(self, session: AgentSession, bob: User) -> None:
        questions = {"questions": [{"question": "Which?"}]}
        request = await in_db(make_permission)(session, kind="QUESTION", input=questions)

        await self.act(session, bob, {"type": "answer", "permission_id": str(request.pk), "answers": {"Which?": "A"}})

        row = await PermissionRequest.objects.aget()
        assert row.answer == {"reason": "", "answers": {"Which?": "A"}, "always": False}

    async def test_interrupts_and_cancels(self, session: AgentSession, bob: User) -> None:
        await in_db(make_job)(session, status=JobStatus.PROCESSING)

        await self.act(session, bob, {"type": "interrupt"})
        await self.act(session, bob, {"type": "cancel"})

        job = await Job.objects.aget()
        assert job.interrupt_requested_at is not None
        assert job.status == JobStatus.CANCELLED

    @pytest.mark.parametrize(
        ("text", "error", "reply_to"),
        [
            ("{", "validation_error", None),
            ("[]", "validation_error", None),
            ("[" * 100_000, "validation_error", None),
            ('{"type": "nope", "id": 1}', "validation_error", 1),
            ('{"type": ["message"], "id": "a"}', "validation_error", "a"),
            ('{"type": "message", "id": "a"}', "validation_error", "a"),
            ('{"type": "message", "id": {"x": 1}, "text": "x"}', "validation_error", None),
            ('{"type": "message", "id": "a", "text": " "}', "validation_error", "a"),
            ('{"type": "message", "id": "\\ud800", "text": "a\\u0000"}', "validation_error", "\ufffd"),
            ('{"type": "approve", "permission_id": "x", "id": "a"}', "validation_error", "a"),
            ('{"type": "interrupt", "id": "a"}', "conflict", "a"),
        ],
    )
    async def test_answers_bad_frames_and_goes_on(
        self, session: AgentSession, bob: User, text: str, error: str, reply_to: Any
    ) -> None:
        async with opened(session, bob) as socket:
            await socket.receive_json_from()
            await socket.send_to(text_data=text)
            answer = await socket.receive_json_from()
            await socket.send_json_to({"type": "ping"})

            assert (answer["type"], answer["error"], answer.get("reply_to")) == ("error", error, reply_to)
            assert await socket.receive_json_from() == {"type": "pong"}

    async def test_refuses_binary(self, session: AgentSession, bob: User) -> None:
        async with opened(session, bob) as socket:
            await socket.receive_json_from()
            await socket.send_to(bytes_data=b"\0")

            assert (await socket.receive_json_from())["error"] == "validation_error"

    async def test_closes_a_client_that_floods(
        self, session: AgentSession, bob: User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(consumers, "FRAME_BURST", 5.0)

        async with opened(session, bob) as socket:
            for _ in range(20):
                await socket.send_json_to({"type": "ping"})

            assert await closed(socket) == 1013

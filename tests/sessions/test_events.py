"""The kinds of events, the golden frames that the front end reads too, and doorbells."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from channels.db import database_sync_to_async as in_db
from django.utils import timezone

from accounts.errors import Forbidden
from accounts.models import Organization
from config.env import BASE_DIR
from config.errors import ANSWERS
from sessions import events, log, protocol, queries, schemas
from sessions.events import KINDS, Entry
from sessions.live import doorbell
from sessions.live.frames import Frame
from sessions.models import AgentSession, Event
from tests.sessions.rows import make_job, make_permission, make_session

GOLDEN = Path(__file__).parent.parent / "protocol"
FRAMES: dict[str, dict[str, Any]] = {path.stem: json.loads(path.read_text()) for path in GOLDEN.glob("*.json")}


def shape(value: Any) -> Any:
    """Names and types only; null matches whatever may be null."""
    if isinstance(value, dict):
        return {key: shape(item) for key, item in value.items()}
    return [shape(item) for item in value[:1]] if isinstance(value, list) else type(value).__name__


class TestKinds:
    def test_are_those_that_the_architecture_lists(self) -> None:
        text = (BASE_DIR / "ARCHITECTURE.md").read_text()
        rows = re.findall(r"^\| `(\w+\.\w+)` \| (.+) \|$", text, re.MULTILINE)
        listed = {kind: tuple(re.findall(r"`(\w+)`", re.sub(r"\([^)]*\)", "", row))) for kind, row in rows}

        assert listed == KINDS


class TestGoldenFrames:
    def test_show_every_kind_with_exactly_its_keys(self) -> None:
        shown = {frame["kind"]: tuple(frame["payload"]) for frame in FRAMES.values() if frame["type"] == "event"}

        assert shown == KINDS

    @pytest.mark.parametrize("kind", KINDS)
    def test_are_what_an_event_becomes(self, organization: Organization, kind: str) -> None:
        golden = FRAMES[f"event.{kind}"]
        session = make_session(organization)
        log.append(session, [Entry(kind, golden["payload"])], now=timezone.now())

        event = events.serialize(Event.objects.get())

        assert event["payload"] == golden["payload"]
        assert ["type", *event] == list(golden)
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", event["created_at"])

    def test_have_the_hello_that_is_sent(self, organization: Organization) -> None:
        row = make_session(organization, cost_usd=Decimal("0.0024"))
        make_job(row)
        make_permission(row)
        session = queries.detailed(queries.sessions()).get(pk=row.pk)

        sent = schemas.session_json(session)

        golden = FRAMES["hello"]["session"]
        assert list(sent) == list(golden)
        assert list(sent["active_job"]) == list(golden["active_job"])
        assert [list(item) for item in sent["pending_permissions"]] == [
            list(item) for item in golden["pending_permissions"]
        ]
        assert type(sent["cost_usd"]) is str
        assert shape(sent["last_seq"]) == shape(golden["last_seq"])

    def test_have_the_error_that_is_sent(self) -> None:
        assert protocol.error_frame(Forbidden(), "q1") == FRAMES["error"]

    async def test_have_the_delta_that_is_sent(self, organization: Organization) -> None:
        session = AgentSession(organization=organization)
        golden = dict(FRAMES["delta"])
        assert golden.pop("type") == "delta"

        async with doorbell.listen(events.watchers_group(session.pk)) as bell:
            await events.aring_delta(session.pk, **golden)
            (message,) = await bell.wait(timeout_s=2)

        assert message["delta"] == golden


class TestCodes:
    def test_are_those_of_the_api(self) -> None:
        for kind, (code, close_code) in protocol.CODES.items():
            answer = ANSWERS[kind]
            assert (answer.code, answer.close_code) == (code, close_code), kind


class TestDoorbell:
    async def test_reaches_this_process_when_the_layer_fails(self, settings: Any) -> None:
        ours = AgentSession()
        backend = "channels_redis.pubsub.RedisPubSubChannelLayer"
        settings.CHANNEL_LAYERS = {"default": {"BACKEND": backend, "CONFIG": {"hosts": ["redis://127.0.0.1:1"]}}}

        async with doorbell.listen(events.control_group(ours.pk)) as bell:
            await events.aring_control(ours.pk)

            assert await bell.wait(timeout_s=2) == [{"type": "session.control"}]

    async def test_rings_from_sync_code_without_waiting(self) -> None:
        ours = AgentSession()

        async with doorbell.listen(events.control_group(ours.pk)) as bell:
            await in_db(events.ring_control)(ours.pk)

            assert await bell.wait(timeout_s=2) == [{"type": "session.control"}]

    async def test_wakes_the_runner_only_of_its_session(self, organization: Organization) -> None:
        ours, other = AgentSession(), AgentSession()

        async with doorbell.listen(events.control_group(ours.pk)) as bell:
            await events.aring_control(other.pk)
            assert await bell.wait(timeout_s=0.05) == []
            await events.aring_control(ours.pk)
            assert await bell.wait(timeout_s=2) == [{"type": "session.control"}]

    def test_rings_when_the_transaction_commits(
        self, organization: Organization, django_capture_on_commit_callbacks: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        rung: list[tuple[Any, int, list[Frame]]] = []
        monkeypatch.setattr(events, "ring", lambda session_id, last, new: rung.append((session_id, last, new)))
        session = make_session(organization)

        with django_capture_on_commit_callbacks(execute=True):
            log.append(
                session, [Entry("agent.raw", {"text": "a"}), Entry("agent.raw", {"text": "b"})], now=timezone.now()
            )
            assert rung == []

        ((session_id, last, new),) = rung
        assert (session_id, last) == (session.pk, 2)
        assert [json.loads(frame.body) for frame in new] == queries.events_after(session.pk, 0, 10)

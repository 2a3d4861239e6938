"""Sockets and streams as they are counted from outside, and the ids that their logs carry."""

from __future__ import annotations

from typing import Any

import pytest
import structlog

from config.observability.observing import Observed
from runtime import metrics

Message = dict[str, Any]


def sample(name: str, **labels: str) -> float:
    return metrics.REGISTRY.get_sample_value(f"slipway_streams_{name}", labels) or 0.0


class Watched:
    """What the counters gain while an application runs."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.before = self.now()

    def now(self) -> dict[str, float]:
        found = {"open": sample("open", kind=self.kind)}
        found |= {f"resumed={one}": sample("opened_total", kind=self.kind, is_resumed=one) for one in ("yes", "no")}
        codes = ("1000", "1006", "1013", "4404", "other", "end", "left")
        return found | {code: sample("closed_total", kind=self.kind, code=code) for code in codes}

    @property
    def gained(self) -> dict[str, float]:
        now = self.now()
        return {name: now[name] - self.before[name] for name in now if now[name] != self.before[name]}


async def run(
    application: Any, scope: Message, incoming: list[Message] | None = None
) -> tuple[list[Message], Exception | None]:
    sent: list[Message] = []
    messages = list(incoming or [])

    async def receive() -> Message:
        return messages.pop(0)

    async def send(message: Message) -> None:
        sent.append(message)

    try:
        await Observed(application)({"headers": [], "query_string": b"", **scope}, receive, send)
    except Exception as error:
        return sent, error
    return sent, None


def socket(*, closes_with: int | None) -> Any:
    async def application(scope: Message, receive: Any, send: Any) -> None:
        await send({"type": "websocket.accept"})
        if closes_with is None:
            while (await receive())["type"] != "websocket.disconnect":
                pass
        else:
            await send({"type": "websocket.close", "code": closes_with})

    return application


async def events(scope: Message, receive: Any, send: Any) -> None:
    headers = [(b"Content-Type", b"text/event-stream; charset=utf-8")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"x", "more_body": True})
    if scope.get("breaks"):
        raise ConnectionError
    await send({"type": "http.response.body", "body": b""})


class TestSockets:
    @pytest.mark.parametrize(("query", "resumed"), [(b"", "no"), (b"after=0", "no"), (b"x=1&after=012", "yes")])
    async def test_are_counted_with_their_close_code(self, query: bytes, resumed: str) -> None:
        watched = Watched("websocket")

        await run(socket(closes_with=1013), {"type": "websocket", "query_string": query})

        assert watched.gained == {f"resumed={resumed}": 1, "1013": 1}

    @pytest.mark.parametrize(("code", "label"), [(1000, "1000"), (4999, "other"), (None, "1006")])
    async def test_a_client_that_leaves_is_counted_by_a_code_that_is_known(self, code: int | None, label: str) -> None:
        watched = Watched("websocket")

        leaving: list[Message] = [{"type": "websocket.connect"}, {"type": "websocket.disconnect", "code": code}]
        await run(socket(closes_with=None), {"type": "websocket"}, leaving)

        assert watched.gained == {"resumed=no": 1, label: 1}

    async def test_that_are_refused_were_never_open(self) -> None:
        async def refuse(scope: Message, receive: Any, send: Any) -> None:
            await send({"type": "websocket.close", "code": 4401})

        watched = Watched("websocket")
        await run(refuse, {"type": "websocket"})
        assert watched.gained == {}

    @pytest.mark.parametrize(("sent", "is_kept"), [(b"edge-0123456789", True), (b"a b\n", False), (b"", False)])
    async def test_have_a_request_id_in_scope_and_logs(self, sent: bytes, is_kept: bool) -> None:
        seen: list[str] = []

        async def look(scope: Message, receive: Any, send: Any) -> None:
            seen.extend([scope["request_id"], structlog.contextvars.get_contextvars()["request_id"]])

        await run(look, {"type": "websocket", "headers": [(b"x-request-id", sent)]})

        assert seen[0] == seen[1]
        assert (seen[0] == sent.decode()) is is_kept
        assert len(seen[0]) >= 8


class TestStreams:
    async def test_are_counted_from_beginning_to_end(self) -> None:
        watched = Watched("sse")
        await run(events, {"type": "http", "headers": [(b"last-event-id", b"7")]})
        assert watched.gained == {"resumed=yes": 1, "end": 1}

    async def test_that_break_are_counted_as_left(self) -> None:
        watched = Watched("sse")
        _, error = await run(events, {"type": "http", "breaks": True})
        assert watched.gained == {"resumed=no": 1, "left": 1}
        assert isinstance(error, ConnectionError)

    async def test_other_answers_are_none(self) -> None:
        async def page(scope: Message, receive: Any, send: Any) -> None:
            await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/html")]})
            await send({"type": "http.response.body", "body": b""})

        watched = Watched("sse")
        await run(page, {"type": "http"})
        assert watched.gained == {}

"""Who reads too slowly costs no memory, is sent away, and goes on where it was."""

from __future__ import annotations

import json
import re
import socket as sockets
import time
from collections.abc import Iterator

import pytest

from tests.journeys.curl import Curl, allow_all_until_done, first_project, first_session
from tests.journeys.patience import PATIENCE
from tests.journeys.person import Person
from tests.journeys.server import Server, running
from tests.journeys.wire import bearer, query, request, resident, socket, stream, until

pytestmark = [pytest.mark.cli, pytest.mark.timeout(240), pytest.mark.undisturbed("measures the memory of servers")]

EVENTS, EVENT_BYTES = 1000, 100_000
ALLOWED_BYTES = 24 * 2**20
SLOW_READER_S = 3
SENT_AWAY_S = 60 * PATIENCE
CLOSED_1013 = b"\x88\x02\x03\xf5"  # the frame


@pytest.fixture(scope="module")
def impatient() -> Iterator[Server]:
    with running(SLIPWAY_SLOW_READER_S=str(SLOW_READER_S)) as started:
        yield started


def fill_log(server: Server, session_id: str) -> int:
    """Add 100 MB to the log; its last number."""
    query(
        server,
        "insert into agent_sessions_event (session_id, seq, organization_id, kind, payload, created_at) "
        "select s.id, s.last_seq + n, s.organization_id, 'agent.raw', jsonb_build_object('text', repeat('x', %s)), "
        "now() from agent_sessions_agentsession s, generate_series(1, %s) n where s.id = %s",
        EVENT_BYTES,
        EVENTS,
        session_id,
    )
    statement = "update agent_sessions_agentsession set last_seq = last_seq + %s where id = %s returning last_seq"
    return int(query(server, statement, EVENTS, session_id)[0][0])


class Reader:
    """A client that asked for a stream, has read of it what it `taken`, and has little room for more."""

    def __init__(self, server: Server, path: str, token: str, *more: str) -> None:
        self.taken = bytearray()
        self.raw = sockets.socket()
        self.raw.setsockopt(sockets.SOL_SOCKET, sockets.SO_RCVBUF, 64 * 1024)
        self.raw.settimeout(30 * PATIENCE)
        self.raw.connect(("127.0.0.1", server.port))
        lines = [f"GET {path}?after=0 HTTP/1.1", f"Host: 127.0.0.1:{server.port}", f"Authorization: Bearer {token}"]
        self.raw.sendall("\r\n".join([*lines, *more, "", ""]).encode())

    def take(self, size: int) -> bool:
        """Read so much at most; whether there is an other end still."""
        try:
            piece = self.raw.recv(size)
        except ConnectionResetError:
            piece = b""
        self.taken += piece
        return bool(piece)

    def take_the_rest(self) -> None:
        while self.take(2**20):
            pass

    @property
    def last_seq(self) -> int:
        return max(int(number) for number in re.findall(rb'"seq": ?(\d+)', bytes(self.taken)))


def is_sent_away(server: Server, kind: str, code: str) -> bool:
    webs: list[Server] = getattr(server, "webs", [server])
    line = f'slipway_streams_closed_total{{code="{code}",kind="{kind}"}}'.encode()
    return any(line in request(web, "GET", "/metrics").body for web in webs)


class TestSlowReaders:
    def test_cost_no_memory_are_sent_away_and_go_on_by_number(self, impatient: Server) -> None:
        someone = Person(impatient, "alice@example.com")
        someone.sign_up()
        curl = Curl(impatient, someone.make_token())
        id = first_session(curl, first_project(curl), "hello")["id"]
        allow_all_until_done(curl, id)
        last = fill_log(impatient, id)
        before = resident(impatient)

        upgrade = ["Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13"]
        upgrade += ["Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="]
        line = Reader(impatient, f"/ws/sessions/{id}", curl.token, *upgrade)
        events = Reader(impatient, f"/api/sessions/{id}/stream", curl.token)
        grown, deadline = 0, time.monotonic() + SENT_AWAY_S
        waiting = {"websocket": (line, "1013"), "sse": (events, "left")}
        while waiting and time.monotonic() < deadline:
            for kind, (reader, code) in list(waiting.items()):
                reader.take(1024)  # a second
                grown = max(grown, resident(impatient) - before)
                if is_sent_away(impatient, kind, code):
                    del waiting[kind]
                    reader.take_the_rest()
            time.sleep(1)

        assert waiting == {}, "the server still sends to who takes nothing"
        assert grown < ALLOWED_BYTES
        assert line.taken.endswith(CLOSED_1013)
        for reader in (line, events):
            reader.raw.close()
            assert len(reader.taken) < EVENTS * EVENT_BYTES / 2
            assert 1 <= reader.last_seq < last - 1
        with socket(impatient, id, after=last - 2, **bearer(curl.token)) as again:
            until(lambda: len(again.events()) == 2, 20, "what is left")
        assert [event["seq"] for event in again.events()] == [last - 1, last]
        assert len(json.dumps(again.events()[0])) > EVENT_BYTES
        with stream(impatient, id, after=last - 1, **bearer(curl.token)) as again:
            until(lambda: [event["seq"] for event in again.events()] == [last], 20, "the last one")

"""Who reads too slowly costs no memory, is sent away, and goes on where it was."""

from __future__ import annotations

import json
import re
import socket as sockets
import time
from collections.abc import Callable

import pytest

from tests.journeys.curl import Curl, allow_all_until_done, first_project, first_session
from tests.journeys.person import Person
from tests.journeys.server import Server
from tests.journeys.wire import bearer, query, resident_bytes, socket, until

pytestmark = [pytest.mark.cli, pytest.mark.timeout(240)]

EVENTS, EVENT_BYTES = 1000, 100_000
ALLOWED_BYTES = 24 * 2**20
PATIENCE_S = 100  # a client that takes nothing for 20 s is closed


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


def open_raw(server: Server, session_id: str, token: str) -> sockets.socket:
    """A WebSocket of which nothing has been read but the handshake's answer."""
    raw = sockets.socket()
    raw.setsockopt(sockets.SOL_SOCKET, sockets.SO_RCVBUF, 64 * 1024)
    raw.connect(("127.0.0.1", server.port))
    lines = [f"GET /ws/sessions/{session_id}?after=0 HTTP/1.1", f"Host: 127.0.0.1:{server.port}", "Upgrade: websocket"]
    lines += ["Connection: Upgrade", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="]
    raw.sendall("\r\n".join([*lines, f"Authorization: Bearer {token}", "", ""]).encode())
    assert b" 101 " in raw.recv(64)
    return raw


class TestASlowReader:
    def test_costs_no_memory_is_closed_and_goes_on_by_number(
        self, server: Server, person: Callable[[str], Person]
    ) -> None:
        curl = Curl(server, person("alice").make_token())
        session = first_session(curl, first_project(curl), "hello")
        allow_all_until_done(curl, session["id"])
        last = fill_log(server, session["id"])
        assert server.process is not None
        before = resident_bytes(server.process.pid)

        taken, is_over, grown = bytearray(), False, 0
        with open_raw(server, session["id"], curl.token) as raw:
            raw.settimeout(30)
            began = time.monotonic()
            while time.monotonic() - began < 10:  # 1 KB a second
                taken += raw.recv(1024)
                time.sleep(1)
                grown = max(grown, resident_bytes(server.process.pid) - before)
            time.sleep(25)  # and then nothing at all
            while not is_over and time.monotonic() - began < PATIENCE_S:
                try:
                    piece = raw.recv(2**20)
                except ConnectionResetError:
                    piece = b""
                taken += piece
                is_over = not piece

        assert is_over, "the server still sends to who takes nothing"
        assert grown < ALLOWED_BYTES
        assert len(taken) < EVENTS * EVENT_BYTES / 2
        seen = max(int(number) for number in re.findall(rb'"seq":(\d+)', bytes(taken)))
        assert seen < last - 1
        with socket(server, session["id"], after=last - 2, **bearer(curl.token)) as line:
            until(lambda: len(line.events()) == 2, 20, "what is left")
        assert [event["seq"] for event in line.events()] == [last - 1, last]
        assert len(json.dumps(line.events()[0])) > EVENT_BYTES

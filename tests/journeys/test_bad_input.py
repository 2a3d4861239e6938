"""Bad input over the real HTTP API: one clear error in the one format, and nothing is changed."""

from __future__ import annotations

import contextlib
import json
import socket as sockets
import time
import urllib.parse
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.journeys.curl import Curl, allow_all_until_done, events_of, first_project, first_session, wait_for
from tests.journeys.hostile import ARCHIVES, LONG, MESSAGE, PROJECT, SESSION, bodies, raw_bodies
from tests.journeys.patience import IS_CHAOS
from tests.journeys.person import Person
from tests.journeys.server import Server
from tests.journeys.wire import Answer, bearer, request, resident_bytes, row_counts, socket, until

pytestmark = [pytest.mark.cli, pytest.mark.timeout(180)]


@dataclass
class Place:
    """Alice's project and session, where nothing runs."""

    server: Server
    curl: Curl
    organization_id: str
    project_id: str
    session_id: str
    permission_id: str

    def send(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        path = path.format(org=self.organization_id, project=self.project_id, session=self.session_id)
        return request(self.server, method, "/api" + path, body, **(bearer(self.curl.token) | headers))


@pytest.fixture(scope="module")
def place(server: Server) -> Place:
    alice = Person(server, f"alice-{uuid.uuid4().hex[:8]}@example.com")
    alice.sign_up()
    curl = Curl(server, alice.make_token("READ", "WRITE", "ADMIN"))
    project = first_project(curl)
    session = first_session(curl, project, "Write a program")
    pending = wait_for(lambda: curl.call("GET", f"/sessions/{session['id']}")["pending_permissions"])
    return Place(server, curl, project["organization_id"], project["id"], session["id"], pending[0]["id"])


LOG = "agent_sessions_event"


@contextlib.contextmanager
def nothing_changes(server: Server) -> Iterator[None]:
    before = row_counts(server)
    yield
    after = row_counts(server)
    if IS_CHAOS:
        after[LOG] = before[LOG]  # upkeep tells of deaths there
    assert after == before


def assert_told(answer: Answer, *statuses: int) -> None:
    """The one error format."""
    assert answer.status in statuses, (answer.status, answer.body[:500])
    assert answer.headers["content-type"] == "application/json"
    told = answer.json
    assert set(told) == {"error", "message", "details", "request_id"}, told
    assert told["request_id"] == answer.headers["x-request-id"]
    assert isinstance(told["details"], list)
    assert 0 < len(told["message"]) < 500
    assert "Traceback" not in answer.body.decode()
    assert len(answer.body) < 20_000


class TestBodies:
    def test_of_every_wrong_kind_are_refused_in_the_one_format(self, place: Place) -> None:
        told = 0
        with nothing_changes(place.server):
            for method, path, body, statuses in bodies():
                filled = json.loads(json.dumps(body).replace('"{org}"', json.dumps(place.organization_id)))
                answer = place.send(method, path, json.dumps(filled).encode())
                try:
                    assert_told(answer, *statuses)
                except AssertionError as error:
                    raise AssertionError(f"{method} {path} {str(body)[:200]}: {error}") from error
                told += 1
        assert told > 150

    def test_that_are_no_json_are_refused(self, place: Place) -> None:
        with nothing_changes(place.server):
            for name, body in raw_bodies():
                for path in (MESSAGE, SESSION, PROJECT):
                    try:
                        assert_told(place.send("POST", path, body), 400)
                    except AssertionError as error:
                        raise AssertionError(f"{name} to {path}: {error}") from error

    def test_of_another_type_are_refused(self, place: Place) -> None:
        with nothing_changes(place.server):
            for kind in (
                "text/plain",
                "application/x-www-form-urlencoded",
                "multipart/form-data",
                "application/xml",
                "x",
            ):
                assert_told(place.send("POST", MESSAGE, b'{"text": "x"}', Content_Type=kind), 400)

    def test_with_unknown_fields_do_what_the_known_ones_say(self, place: Place) -> None:
        answer = place.send("PATCH", "/sessions/{session}", {"name": "feature", "status": "STOPPED", "is_admin": True})
        assert (answer.status, answer.json["status"]) == (200, "WAITING_INPUT")


class TestUploads:
    @pytest.mark.parametrize("name", ARCHIVES)
    def test_that_are_hostile_leave_nothing(self, place: Place, name: str) -> None:
        files = {path for path in place.server.data_dir.rglob("*") if "sandboxes" not in path.parts}
        with nothing_changes(place.server):
            body, headers = form(place.organization_id, name, ARCHIVES[name]())
            assert_told(place.send("POST", "/projects/upload", body, **headers), 400)
        left = {path for path in place.server.data_dir.rglob("*") if "sandboxes" not in path.parts}
        assert left - files == set()


def form(organization_id: str, filename: str, content: bytes) -> tuple[bytes, dict[str, str]]:
    """A multipart body and its headers."""
    mark = uuid.uuid4().hex
    head = f'--{mark}\r\nContent-Disposition: form-data; name="'
    fields = f'{head}organization_id"\r\n\r\n{organization_id}\r\n{head}name"\r\n\r\nx\r\n'
    file = f'{head}file"; filename="{filename}"\r\nContent-Type: application/octet-stream\r\n\r\n'
    body = fields.encode() + file.encode() + content + f"\r\n--{mark}--\r\n".encode()
    return body, {"Content_Type": f"multipart/form-data; boundary={mark}"}


class TestAddresses:
    @pytest.mark.parametrize("after", ["-1", str(2**63), "x", "1.5", "1e3", "\u0661", "0x1", "9" * 100])
    def test_of_the_log_are_checked_alike(self, place: Place, after: str) -> None:
        quoted = urllib.parse.quote(after)
        for path in ("/sessions/{session}/events", "/sessions/{session}/stream"):
            assert_told(place.send("GET", f"{path}?after={quoted}"), 400)
        with socket(place.server, place.session_id, after=quoted, **bearer(place.curl.token)) as line:
            assert line.is_over.wait(10)
            assert (line.status, line.frames) == (403, [])

    def test_of_streams_take_no_bad_last_event_id(self, place: Place) -> None:
        for id in ("-1", "x", str(2**63)):
            assert_told(place.send("GET", "/sessions/{session}/stream", Last_Event_ID=id), 400)

    def test_with_bad_ids_and_pages_are_told(self, place: Place) -> None:
        for path in (
            "/sessions/x",
            f"/sessions/{LONG}",
            "/sessions/%00",
            "/sessions/..%2f..",
            "/nothing",
            "/sessions/%ff",
        ):
            assert_told(place.send("GET", path), 404)
        for query in ("limit=0", "limit=-1", "limit=201", "limit=x", "cursor=x", "cursor=%00", "cursor=" + LONG):
            assert_told(place.send("GET", f"/sessions?{query}"), 400)
        for query in ("organization_id=x", "organization_id=%00"):
            assert_told(place.send("GET", f"/sessions?{query}"), 400)

    def test_with_other_methods_are_told(self, place: Place) -> None:
        for method in ("PUT", "DELETE", "PATCH", "BREW"):
            assert_told(place.send(method, "/models"), 405)


class TestHeaders:
    @pytest.mark.parametrize("host", ["evil.example", "127.0.0.1@evil.example", "a b", "[", "x" * 300, ""])
    def test_with_a_foreign_host_are_refused(self, place: Place, host: str) -> None:
        answer = place.send("GET", "/me", Host=host)
        assert answer.status == 400
        assert b"evil" not in answer.body

    @pytest.mark.parametrize("token", ["", "x", "slp_", "slp_" + LONG, "a b c", "slp_\xff", "slpg_" + "x" * 43])
    def test_with_a_bad_token_are_refused(self, place: Place, token: str) -> None:
        assert_told(place.send("GET", "/me", Authorization=f"Bearer {token}"), 401)

    def test_without_any_credentials_are_refused(self, place: Place) -> None:
        assert_told(request(place.server, "GET", "/api/me"), 401)
        assert_told(request(place.server, "GET", "/api/me", Authorization="Basic eDp5"), 401)

    def test_with_odd_request_ids_get_one_of_ours(self, place: Place) -> None:
        for sent in ("x" * 100, "a b c d e f", "<script>", "\xe4\xe4\xe4\xe4\xe4\xe4\xe4\xe4"):
            answer = place.send("GET", "/sessions/x", X_Request_ID=sent)
            assert_told(answer, 404)
            assert answer.json["request_id"] != sent
        assert place.send("GET", "/sessions/x", X_Request_ID="mine-0123456789").json["request_id"] == "mine-0123456789"

    def test_beyond_all_measure_end_the_connection_only(self, place: Place) -> None:
        with sockets.create_connection(("127.0.0.1", place.server.port), 10) as connection:
            connection.sendall(b"GET /api/me HTTP/1.1\r\nHost: 127.0.0.1\r\n")
            with contextlib.suppress(OSError):
                for _ in range(64):
                    connection.sendall(b"X-Long: " + b"x" * 10_000 + b"\r\n")
            with contextlib.suppress(OSError):
                assert b"200" not in connection.recv(4096)[:20]
        assert place.send("GET", "/me").status == 200


class TestPrompts:
    @pytest.mark.parametrize("megabytes", [2, 3])
    def test_of_megabytes_reach_the_agent(self, place: Place, megabytes: int) -> None:
        """The script stands behind the bulk: the model finds it only if all has come. The CLI itself refuses 3 MB as
        more than the model can read, says so, and goes on with what comes next."""
        prompt = "x" * (megabytes * 2**20) + '<<<[{"text": "read it all"}]>>>'
        body = {"name": f"big {uuid.uuid4().hex[:6]}", "prompt": prompt}
        answer = place.send("POST", SESSION, body)
        assert answer.status == 201
        id = answer.json["items"][0]["id"]

        first = allow_all_until_done(place.curl, id)
        place.curl.call("POST", f"/sessions/{id}/messages", {"text": '<<<[{"text": "and on"}]>>>'})
        second = allow_all_until_done(place.curl, id, jobs_ended=2)

        events = events_of(place.curl, id)
        said = [e["payload"]["text"] for e in events if e["kind"] == "assistant.text"]
        assert next(e for e in events if e["kind"] == "message.user")["payload"]["text"] == prompt
        if megabytes == 2:
            assert (first["status"], said) == ("COMPLETED", ["read it all", "and on"])
        else:
            assert (first["status"], first["status_reason"]) == ("ERROR", "Prompt is too long")
            assert said == ["and on"]
        assert second["status"] == "COMPLETED"

    def test_of_5_mb_are_refused(self, place: Place) -> None:
        with nothing_changes(place.server):
            assert_told(place.send("POST", MESSAGE, {"text": "x" * 5 * 2**20}), 400)
            assert_told(place.send("POST", SESSION, {"name": "too big", "prompt": "x" * 5 * 2**20}), 400)

    def test_of_5_mb_are_refused_on_the_socket(self, place: Place) -> None:
        with nothing_changes(place.server), socket(place.server, place.session_id, **bearer(place.curl.token)) as line:
            line.send({"type": "message", "id": str(uuid.uuid4()), "text": "x" * 5 * 2**20})
            assert line.is_over.wait(15)
        assert line.close_code in (1009, None)  # who still sends may be reset before he has read it


@pytest.mark.undisturbed("measures the memory of servers")
class TestHugeBodies:
    """100 MB of anyone's: neither kept in memory nor looked at for long."""

    @pytest.mark.parametrize(
        "kind", ["application/json", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"]
    )
    @pytest.mark.parametrize("path", [MESSAGE, "/me"])
    def test_are_refused_and_not_kept(self, place: Place, kind: str, path: str) -> None:
        with nothing_changes(place.server), memory_stays(place.server):
            started = time.monotonic()
            assert_told(place.send("POST", path, b"a=1&" * 25 * 2**20, Content_Type=kind), 413)
            assert time.monotonic() - started < 10

    def test_without_a_length_are_refused_too(self, place: Place) -> None:
        head = f"POST /api/sessions/{place.session_id}/messages HTTP/1.1\r\nHost: 127.0.0.1:{place.server.port}\r\n"
        head += f"Authorization: Bearer {place.curl.token}\r\nContent-Type: application/json\r\n"
        chunk = b"100000\r\n" + b"x" * 2**20 + b"\r\n"
        with memory_stays(place.server), sockets.create_connection(("127.0.0.1", place.server.port), 30) as connection:
            connection.sendall(f"{head}Transfer-Encoding: chunked\r\n\r\n".encode())
            for _ in range(100):
                connection.sendall(chunk)
            connection.sendall(b"0\r\n\r\n")
            said = connection.recv(4096)
        assert b" 413 " in said.split(b"\r\n")[0]

    def test_of_uploads_pass_through_the_disk(self, place: Place) -> None:
        body, headers = form(place.organization_id, "noise.zip", b"x" * 100 * 2**20)
        with nothing_changes(place.server), memory_stays(place.server):
            assert_told(place.send("POST", "/projects/upload", body, **headers), 400)
        body, headers = form(place.organization_id, "noise.zip", b"x" * 210 * 2**20)
        with nothing_changes(place.server), memory_stays(place.server):
            assert_told(place.send("POST", "/projects/upload", body, **headers), 413)


@contextlib.contextmanager
def memory_stays(server: Server) -> Iterator[None]:
    """At no time does the server take much more than before."""
    assert server.process is not None
    process = Path(f"/proc/{server.process.pid}")
    (process / "clear_refs").write_text("5")  # forget the highest mark
    before = resident_bytes(server.process.pid)
    yield
    status = (process / "status").read_text().splitlines()
    peak = next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM"))
    assert peak - before < 40 * 2**20, f"{(peak - before) / 2**20:.0f} MB more"


class TestFrames:
    @pytest.mark.parametrize(
        "frame",
        [
            *("", "null", "5", "[]", "{}", "{", '"x"', '{"type": "nope"}', '{"type": 5}', '{"type": "message"}'),
            *(
                '{"type": "message", "text": ""}',
                '{"type": "message", "text": "\\u0000"}',
                '{"type": "message", "text": 5}',
            ),
            *('{"type": "message", "text": "\\ud800"}', '{"type": "approve", "permission_id": "x"}', "[" * 50_000),
            *('{"type": "cancel", "job_id": "x"}', '{"type": "ping", "id": {}}', '{"type": "answer"}'),
        ],
    )
    def test_that_are_wrong_are_answered_and_the_socket_stays(self, place: Place, frame: str) -> None:
        with nothing_changes(place.server), socket(place.server, place.session_id, **bearer(place.curl.token)) as line:
            line.send(frame)
            line.send({"type": "ping", "id": "last"})
            until(lambda: line.of_type("pong"), 10, "pong")
            assert [told["error"] for told in line.of_type("error")] == ["validation_error"]

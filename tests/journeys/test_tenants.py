"""Strangers, viewers and people who were shown the door, over real HTTP, SSE and WebSockets."""

from __future__ import annotations

import contextlib
import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from uuid_utils.compat import uuid7

from sessions.live.credentials import RECHECK_S
from tests.access.table import Route
from tests.journeys import wire
from tests.journeys.curl import Curl, events_of, first_project, first_session, wait_for
from tests.journeys.operating import add_member
from tests.journeys.person import Person
from tests.journeys.server import Server
from tests.journeys.wire import bearer, cookies, query, request, row_counts, socket, stream, until
from tests.test_access_matrix import ROUTES

pytestmark = [pytest.mark.cli, pytest.mark.timeout(120)]

SHUT_WITHIN_S = RECHECK_S + 4  # a stream looks every RECHECK_S, and after each frame or poll

UPLOADS = (
    "/projects/upload",
    "/sessions/{session_id}/attachments",
    "/environments/{environment_id}/dockerfile",
)  # no JSON


@dataclass
class Acme:
    """Alice's organisation with one session that waits for an answer."""

    alice: Person
    token: str
    curl: Curl
    organization_id: str
    project_id: str
    session_id: str
    permission_id: str
    ids: dict[str, str]


def add_what_turns_leave(server: Server, ids: dict[str, str]) -> None:
    """As if a member had sent an image and said a rule, and a turn had ended; what the agent does depends on none."""
    owned = "insert into {} (id, organization_id, session_id, created_at, {}) values (%s, %s, %s, now(), {})"
    image, rule = "position, media_type, size, sha256, data", "project_id, rule"
    mine = (ids["organization_id"], ids["session_id"])
    values = "0, 'image/png', 1, '', 'x'"
    query(server, owned.format("agent_sessions_attachment", image, values), ids["attachment_id"], *mine)
    columns = owned.format("agent_sessions_permissionrule", rule, "%s, 'Bash(true)'")
    query(server, columns, ids["rule_id"], *mine, ids["project_id"])
    checkpoint = owned.format("agent_sessions_checkpoint", "commit, git_status, files_changed", "%s, 'CLEAN', 0")
    query(server, checkpoint, ids["checkpoint_id"], *mine, "a" * 40)
    tried = "insert into {} (id, organization_id, environment_id, created_at, status, error, attempt, {}) "
    tried += "values (%s, %s, %s, now(), 'FAILED', '', 0, {})"
    there = (ids["organization_id"], ids["environment_id"])
    check = tried.format("environments_environmentcheck", "is_quick, lines", "true, '[]'")
    query(server, check, ids["check_id"], *there)
    columns = "dockerfile, context_sha256, use_cache, step, steps, last_seq, image_id"
    build = tried.format("environments_imagebuild", columns, "'', '', true, 0, 0, 0, ''")
    query(server, build, ids["build_id"], *there)


@pytest.fixture(scope="module")
def acme(server: Server) -> Acme:
    alice = Person(server, f"alice-{uuid.uuid4().hex[:8]}@example.com")
    alice.sign_up()
    token = alice.make_token("READ", "WRITE", "ADMIN")
    curl = Curl(server, token)
    project = first_project(curl)
    session = first_session(curl, project, "Write a program")
    pending = wait_for(lambda: curl.call("GET", f"/sessions/{session['id']}")["pending_permissions"])
    organization_id = project["organization_id"]
    ids = {
        "organization_id": organization_id,
        "project_id": project["id"],
        "session_id": session["id"],
        "member_id": curl.call("GET", f"/orgs/{organization_id}/members")["items"][0]["id"],
        "environment_id": curl.call("GET", "/environments")["items"][0]["id"],
        "token_id": alice.call("GET", "/api/tokens")["items"][0]["id"],
        "message_id": curl.call("GET", f"/sessions/{session['id']}/messages")["items"][0]["id"],
        "prompt_id": curl.call("GET", f"/prompts?project_id={project['id']}")["items"][0]["id"],
        "attachment_id": str(uuid7()),
        "rule_id": str(uuid7()),
        "checkpoint_id": str(uuid7()),
        "check_id": str(uuid7()),
        "build_id": str(uuid7()),
    }
    add_what_turns_leave(server, ids)
    return Acme(alice, token, curl, organization_id, project["id"], session["id"], pending[0]["id"], ids)


def body_for(route: Route, ids: dict[str, str], permission_id: str) -> dict[str, Any] | None:
    """A body that would be right for whoever may."""
    bodies: dict[str, dict[str, Any]] = {
        "POST /projects/{project_id}/sessions": {"name": "stolen", "prompt": "hello"},
        "POST /sessions/{session_id}/approve": {"permission_id": permission_id, "decision": "allow"},
        "POST /sessions/{session_id}/messages": {"text": "hello"},
        "POST /sessions/{session_id}/input": {"text": "hello"},
        "POST /sessions/{session_id}/restore": {"checkpoint_id": ids["checkpoint_id"]},
        "PUT /sessions/{session_id}/mark": {"is_pinned": True},
        "PUT /orgs/{organization_id}/session-order": {"session_ids": [ids["session_id"]]},
        "PATCH /orgs/{organization_id}/members/{member_id}": {"role": "VIEWER"},
        "PATCH /sessions/{session_id}/messages/{message_id}": {"text": "stolen"},
        "POST /sessions/{session_id}/move": {"environment_id": ids["environment_id"]},
        "POST /environments/{environment_id}/tests": {"is_quick": True},
        "PUT /environments/{environment_id}/credential": {"credential": "{}"},
        "POST /docker/image-build": {"environment_id": ids["environment_id"]},
        "POST /docker/dockerfile-check": {"organization_id": ids["organization_id"], "text": "FROM scratch"},
        "POST /environments/host-key": {"organization_id": ids["organization_id"], "host": "127.0.0.1"},
        "PUT /orgs/{organization_id}/provider-key": {"key": "sk-ant-stolen-0000000000000"},
        "POST /projects": {"organization_id": ids["organization_id"], "name": "stolen", "source": "EMPTY"},
        "POST /environments": {"organization_id": ids["organization_id"], "name": "x", "kind": "HOST", "config": {}},
        "POST /tokens": {"organization_id": ids["organization_id"], "name": "stolen", "scopes": ["READ"]},
    }
    known = bodies.get(f"{route.method} {route.path}")
    return known if known or route.method != "PATCH" else {"name": "stolen"}


def without_id(answer: wire.Answer) -> tuple[int, Any]:
    """The answer but for what is new each time."""
    shown = answer.json
    assert shown.pop("request_id") == answer.headers["x-request-id"]
    return answer.status, shown


class TestAStranger:
    def test_gets_for_every_foreign_id_what_a_random_one_gets(
        self, server: Server, acme: Acme, person: Callable[[str], Person]
    ) -> None:
        charlie = person("charlie")
        charlie.call("GET", "/api/me")
        token = bearer(charlie.make_token("READ", "WRITE", "ADMIN"))
        browser = {**cookies(charlie), "X_CSRFToken": charlie.csrf}
        random_ids = {name: str(uuid7()) for name in acme.ids}
        before, tried = row_counts(server), 0

        for route in ROUTES:
            body = body_for(route, acme.ids, acme.permission_id)
            random_body = body_for(route, random_ids, str(uuid7()))
            if "{" not in route.path and not any(id in json.dumps(body) for id in acme.ids.values()):
                continue  # it is about the caller only
            for headers in (token, browser):
                if route.path in UPLOADS or (route.needs_session and headers is token):
                    continue
                foreign = request(server, route.method, "/api" + route.path.format(**acme.ids), body, **headers)
                unknown = request(
                    server, route.method, "/api" + route.path.format(**random_ids), random_body, **headers
                )
                assert without_id(foreign) == without_id(unknown), route
                assert foreign.status == 404, (route, foreign.body)
                tried += 1

        assert tried > 60
        assert row_counts(server) == before
        assert request(server, "GET", f"/sessions/{acme.session_id}/", **cookies(charlie)).status == 404

    def test_sees_nothing_of_it_in_any_list(self, server: Server, acme: Acme, person: Callable[[str], Person]) -> None:
        charlie = bearer(person("charlie").make_token())
        for path in ("/projects", "/sessions", "/environments", "/orgs", "/me"):
            assert acme.organization_id not in request(server, "GET", f"/api{path}", **charlie).body.decode()
        for path in ("/projects", "/sessions", "/environments", "/models"):
            foreign = request(server, "GET", f"/api{path}?organization_id={acme.organization_id}", **charlie)
            unknown = request(server, "GET", f"/api{path}?organization_id={uuid7()}", **charlie)
            assert without_id(foreign) == without_id(unknown)
            assert foreign.status == 404

    def test_gets_no_frame(self, server: Server, acme: Acme, person: Callable[[str], Person]) -> None:
        charlie = person("charlie")
        for headers in (cookies(charlie), bearer(charlie.make_token())):
            answers = []
            for session_id in (acme.session_id, str(uuid7())):
                with socket(server, session_id, **headers) as line:
                    assert line.is_over.wait(10)
                    answers.append((line.status, line.close_code, line.frames))
            assert answers[0] == answers[1]
            assert answers[0][2] == []
        with stream(server, acme.session_id, **bearer(charlie.make_token())) as line:
            assert line.status == 404


class TestAnOrigin:
    @pytest.mark.parametrize("origin", ["https://evil.example", "null", "", "http://127.0.0.1:1", "{url}.evil.example"])
    def test_that_is_not_ours_opens_no_socket(self, server: Server, acme: Acme, origin: str) -> None:
        headers = cookies(acme.alice) | {"Origin": origin.format(url=server.url)}
        with socket(server, acme.session_id, **headers) as line:
            assert line.is_over.wait(10)
            assert (line.status in (400, 403), line.frames) == (True, [])

    def test_that_is_missing_opens_none_with_a_cookie_alone(self, server: Server, acme: Acme) -> None:
        headers = cookies(acme.alice)
        del headers["Origin"]
        with socket(server, acme.session_id, **headers) as line:
            assert line.is_over.wait(10)
            assert (line.status, line.frames) == (403, [])

    def test_that_is_foreign_is_not_saved_by_a_token(self, server: Server, acme: Acme) -> None:
        with socket(server, acme.session_id, **bearer(acme.token), Origin="https://evil.example") as line:
            assert line.is_over.wait(10)
            assert (line.status, line.frames) == (403, [])

    def test_that_is_ours_opens_one(self, server: Server, acme: Acme) -> None:
        with socket(server, acme.session_id, **cookies(acme.alice)) as line:
            until(lambda: line.of_type("hello"), 10, "hello")

    def test_that_is_not_ours_changes_nothing(self, server: Server, acme: Acme) -> None:
        before = row_counts(server)
        headers = cookies(acme.alice) | {"Origin": "https://evil.example", "X-CSRFToken": acme.alice.csrf}
        answer = request(server, "POST", f"/api/sessions/{acme.session_id}/messages", {"text": "evil"}, **headers)
        assert answer.status == 403
        assert row_counts(server) == before


class TestAViewer:
    def test_reads_and_cannot_act(self, server: Server, acme: Acme, person: Callable[[str], Person]) -> None:
        vera = person("vera")
        add_member(server, acme.organization_id, vera, "VIEWER")
        before = row_counts(server)
        frames: list[dict[str, Any]] = [
            {"type": "message", "id": str(uuid7()), "text": "let me"},
            {"type": "approve", "id": "1", "permission_id": acme.permission_id},
            {"type": "deny", "id": "2", "permission_id": acme.permission_id, "reason": "no"},
            {"type": "answer", "id": "3", "permission_id": acme.permission_id, "answers": {}},
            {"type": "interrupt", "id": "4"},
            {"type": "cancel", "id": "5"},
        ]
        with socket(server, acme.session_id, **cookies(vera)) as line:
            for frame in frames:
                line.send(frame)
            until(lambda: len(line.of_type("error")) == len(frames), 15, "refusals")
            line.send({"type": "ping", "id": "6"})
            until(lambda: line.of_type("pong"), 10, "pong")

        refusals = {frame["reply_to"]: frame["error"] for frame in line.of_type("error")}
        assert refusals == {frame["id"]: "forbidden" for frame in frames}
        assert line.events()
        assert row_counts(server) == before
        assert len(acme.curl.call("GET", f"/sessions/{acme.session_id}")["pending_permissions"]) == 1


class TestAccessThatEnds:
    """One wait for all three ways, since a stream looks only every ten seconds."""

    def test_closes_what_is_open(self, server: Server, acme: Acme, person: Callable[[str], Person]) -> None:
        bob, dora = person("bob"), person("dora")
        member_id = add_member(server, acme.organization_id, bob, "MEMBER")
        add_member(server, acme.organization_id, dora, "MEMBER")
        token = acme.alice.make_token()
        token_id = next(row["id"] for row in self.tokens(acme) if token.startswith(row["prefix"]))

        with contextlib.ExitStack() as stack:
            by_person = [
                (
                    stack.enter_context(socket(server, acme.session_id, **headers)),
                    stack.enter_context(stream(server, acme.session_id, **headers)),
                )
                for headers in (cookies(bob), cookies(dora), bearer(token))
            ]
            until(lambda: all(line.events() for lines in by_person for line in lines), 15, "first events")
            acme.curl.call("DELETE", f"/orgs/{acme.organization_id}/members/{member_id}")
            dora.sign_out()
            acme.alice.call("DELETE", f"/api/tokens/{token_id}")

            assert request(server, "GET", "/api/me", **bearer(token)).status == 401
            by_person[0][0].send({"type": "message", "id": "late", "text": "still here?"})
            until(lambda: all(line.is_over.is_set() for lines in by_person for line in lines), SHUT_WITHIN_S, "closed")

        assert [ws.close_code for ws, _ in by_person] == [4404, 4401, 4401]
        assert [frame["error"] for frame in by_person[0][0].of_type("error")] == ["not_found"]
        assert "still here?" not in str(events_of(acme.curl, acme.session_id))

    @staticmethod
    def tokens(acme: Acme) -> list[dict[str, Any]]:
        return list(acme.alice.call("GET", "/api/tokens")["items"])

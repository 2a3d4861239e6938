"""E23: what is sent twice has one effect, whoever sends it and however fast."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import pytest

from tests.concurrency import at_once
from tests.faults.invariants import assert_invariants
from tests.faults.stories import asks
from tests.faults.world import Client, Refused, World, newcomer, script
from tests.journeys.wire import bearer, query, socket, until

pytestmark = [pytest.mark.cli, pytest.mark.fault, pytest.mark.timeout(300)]

THREADS = 10
ASKS = script({"tool": "Bash", "input": {"command": "echo ran >> file.txt; cat file.txt"}}, {"text": "the end"})


class TestE23:
    def test_one_message_sent_by_many_threads_at_once_is_one(self, world: World, alice: Client) -> None:
        session_id = alice.begin("hello")
        alice.until_done(session_id)
        body = {"id": str(uuid.uuid4()), "text": "hello"}

        answers = at_once(*[lambda: alice.call("POST", f"/sessions/{session_id}/messages", body)] * THREADS)
        alice.acknowledged[body["id"]] = session_id
        alice.until_done(session_id)

        assert {answer["job"]["id"] for answer in answers} == {answers[0]["job"]["id"]}
        assert len(alice.of_kind(session_id, "message.user")) == 2
        assert len(alice.of_kind(session_id, "turn.completed")) == 2
        assert_invariants(world, alice)

    @pytest.mark.thorough
    def test_one_new_session_asked_for_by_many_threads_at_once_is_one(self, world: World, alice: Client) -> None:
        body = {"name": f"once-{uuid.uuid4().hex[:8]}", "prompt": "hello", "message_id": str(uuid.uuid4())}
        path = f"/projects/{alice.project()}/sessions"

        answers = at_once(*[lambda: alice.call("POST", path, body)] * THREADS)

        assert {answer["items"][0]["id"] for answer in answers} == {answers[0]["items"][0]["id"]}
        session_id = str(answers[0]["items"][0]["id"])
        alice.acknowledged[body["message_id"]] = session_id
        alice.until_done(session_id)
        assert len(alice.of_kind(session_id, "message.user")) == 1
        assert_invariants(world, alice)

    @pytest.mark.thorough
    def test_one_frame_sent_over_two_sockets_twice_is_one_message(self, world: World, alice: Client) -> None:
        session_id = alice.begin("hello")
        alice.until_done(session_id)
        frame = {"type": "message", "id": str(uuid.uuid4()), "text": "hello"}

        headers = bearer(alice.token)
        with socket(world.server, session_id, **headers) as one, socket(world.server, session_id, **headers) as two:
            for line in (one, two, one, two):
                line.send(frame)
            world.until(lambda: len(alice.of_kind(session_id, "message.user")) == 2, "the message")
            alice.acknowledged[frame["id"]] = session_id
            last = alice.until_done(session_id)["last_seq"]
            for line in (one, two):
                until(lambda line=line: line.events()[-1]["seq"] >= last, 20, "the end")  # type: ignore[misc]
                told = [e for e in line.events() if e["kind"] == "message.user"]
                assert [e["payload"]["message_id"] for e in told].count(frame["id"]) == 1
                assert line.of_type("error") == []

        assert_invariants(world, alice)

    def test_of_two_people_who_answer_at_once_one_is_first_and_the_other_is_told_who(
        self, world: World, alice: Client
    ) -> None:
        ada = member(world, "ada", alice)
        session_id = alice.begin(ASKS)
        permission = world.until(asks(alice, session_id), "the question")[0]["id"]
        path = f"/sessions/{session_id}/approve"

        def answers(client: Client) -> Callable[[], Any]:
            return lambda: client.call("POST", path, {"permission_id": permission, "decision": "allow"})

        given = at_once(answers(alice), answers(ada))
        refused = [answer for answer in given if isinstance(answer, Refused)]
        alice.until_done(session_id)

        assert [answer.status for answer in refused] == [409]
        assert "already allowed" in str(refused[0])
        assert len(alice.of_kind(session_id, "permission.resolved")) == 1
        assert [payload["text"] for payload in alice.of_kind(session_id, "tool.result")] == ["ran"]
        assert_invariants(world, alice)

    @pytest.mark.thorough
    def test_one_task_that_the_queue_gives_out_twice_runs_once(self, world: World, alice: Client) -> None:
        session_id = alice.begin(ASKS)
        world.until(asks(alice, session_id), "the question")
        given_back = "update procrastinate_jobs set status = 'todo', worker_id = null"
        query(world.server, f"{given_back} where status = 'doing' and lock = %s", f"session:{session_id}")

        alice.until_done(session_id)

        assert [payload["text"] for payload in alice.of_kind(session_id, "tool.result")] == ["ran"]
        assert len(alice.of_kind(session_id, "turn.completed")) == 1
        assert_invariants(world, alice)


def member(world: World, name: str, owner: Client) -> Client:
    """Somebody new in the owner's organisation, with a token for it."""
    person = newcomer(world, name).person
    user = query(world.server, "select id from accounts_user where email = %s", person.email)[0][0]
    columns = "(id, organization_id, user_id, role, created_at)"
    values = (uuid.uuid4(), owner.organization_id, user, "MEMBER")
    query(world.server, f"insert into accounts_membership {columns} values (%s, %s, %s, %s, now())", *values)
    body = {"organization_id": owner.organization_id, "name": "fault", "scopes": ["READ", "WRITE"]}
    return Client(world, person, str(person.call("POST", "/api/tokens", body)["token"]))

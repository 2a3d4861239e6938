"""The database dies, or takes nothing any more, while agents work."""

from __future__ import annotations

import time
import urllib.request
import uuid
from urllib.error import HTTPError

import pytest

from tests.faults import victims
from tests.faults.stories import assert_told, streams, tell
from tests.faults.world import Client, Refused, World
from tests.journeys.wire import query

pytestmark = [pytest.mark.cli, pytest.mark.fault, pytest.mark.timeout(300)]


class TestE15:
    def test_a_killed_database_costs_nothing_that_was_said_or_sent(self, world: World, alice: Client) -> None:
        later: list[str] = []

        def during(session_id: str) -> None:
            world.until(streams(world, session_id), "text")
            victims.kill_database(world)
            later.append(alice.send(session_id, "hello"))

        session_id = tell(alice, during=during)

        assert alice.session(session_id)["status"] == "COMPLETED"
        assert [payload["text"] for payload in alice.of_kind(session_id, "tool.result")] == ["written"]
        assert [payload["message_id"] for payload in alice.of_kind(session_id, "message.user")][1:] == later
        assert len(alice.of_kind(session_id, "turn.completed")) == 2


class TestE17:
    @pytest.mark.thorough
    def test_a_database_that_takes_no_writes_is_told_and_forgotten_when_it_does(
        self, world: World, alice: Client
    ) -> None:
        """As when its disk is full: what is there can be read, writes are refused with 503."""
        statuses: list[int] = []

        def during(session_id: str) -> None:
            world.until(streams(world, session_id), "text")
            _read_only(world, "on")
            try:
                alice.call("POST", f"/sessions/{session_id}/messages", {"id": str(uuid.uuid4()), "text": "hello"})
            except Refused as refused:
                statuses.append(refused.status)
            statuses.append(_status_of(alice, f"/sessions/{session_id}"))
            time.sleep(3)
            _read_only(world, "off")

        session_id = tell(alice, during=during)

        assert statuses == [503, 200]
        assert_told(world, alice, session_id)


def _read_only(world: World, value: str) -> None:
    """For every connection from now on; those that are open are closed."""
    setting = f"alter role current_user set default_transaction_read_only = {value}"
    query(world.server, f"begin read write; {setting}; commit")
    others = "from pg_stat_activity where usename = current_user and pid <> pg_backend_pid()"
    query(world.server, f"select pg_terminate_backend(pid) {others}")


def _status_of(client: Client, path: str) -> int:
    request = urllib.request.Request(
        f"{client.world.server.url}/api{path}", headers={"Authorization": f"Bearer {client.token}"}
    )
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return int(answer.status)
    except HTTPError as error:
        with error:
            return error.code

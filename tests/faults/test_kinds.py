"""The same work in every kind of sandbox, with the real agent: asked, killed, recovered, allowed; and moved."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import engine
from tests.engine import image
from tests.engine.daemon import Daemon
from tests.faults.invariants import NEXT_STEP
from tests.faults.places import KINDS, Places, places
from tests.faults.stories import COMMAND
from tests.faults.world import Client, World, newcomer, script, worlds

pytestmark = [pytest.mark.cli, pytest.mark.fault, pytest.mark.timeout(600)]

WALK = script([{"text": "I shall write a file."}, {"tool": "Bash", "input": {"command": COMMAND}}], {"text": "the end"})
BYPASS = {"permission_mode": "bypassPermissions"}
BEGIN = "echo '*.log' > .gitignore; echo begun > file.txt; git add . && git commit -qm begun; echo ignored > x.log"


@pytest.fixture(scope="module")
def reached() -> Iterator[Places]:
    with places() as made:
        yield made


@pytest.fixture(scope="module")
def module_world(reached: Places) -> World:
    return reached.world


def waiting(client: Client, session_id: str) -> dict[str, Any]:
    """The session, once it waits for a permission."""
    session: dict[str, Any] = client.world.until(
        lambda: (found := client.session(session_id))["pending_permissions"] and found, "a permission is asked for"
    )
    return session


def bash(client: Client, session_id: str, command: str) -> str:
    """What a command of the agent's prints."""
    client.send(session_id, script({"tool": "Bash", "input": {"command": command}}, {"text": "done"}))
    client.until_done(session_id)
    return str(client.of_kind(session_id, "tool.result")[-1]["text"])


def until_moved(client: Client, session_id: str, times: int) -> dict[str, Any]:
    """What the log says of the newest move, once there have been so many."""

    def moves() -> list[dict[str, Any]]:
        found = client.of_kind(session_id, "session.moved")
        return found if len(found) >= times else []

    return dict(client.world.until(moves, "the session is moved")[-1])


class TestWalk:
    @pytest.mark.parametrize("kind", KINDS)
    def test_survives_the_server(self, reached: Places, world: World, alice: Client, kind: str) -> None:
        environment_id = reached.add(alice, kind)
        session_id = alice.begin(WALK, environment_id=environment_id)
        asked = waiting(alice, session_id)

        world.kill()
        world.tend()
        again = waiting(alice, session_id)
        alice.answer(session_id, again["pending_permissions"][0]["id"])
        shown = alice.until_done(session_id)

        assert [row["id"] for row in again["pending_permissions"]] == [
            row["id"] for row in asked["pending_permissions"]
        ]
        assert (shown["status"], shown["status_reason"], shown["git_status"]) == ("COMPLETED", "", "DIRTY")
        assert shown["container_id"]
        assert [told["text"] for told in alice.of_kind(session_id, "tool.result")] == ["written"]
        assert [told["text"] for told in alice.of_kind(session_id, "assistant.text")][-1] == "the end"
        diff = alice.surely("GET", f"/sessions/{session_id}/diff")
        assert [file["path"] for file in diff["files"]] == ["file.txt"]

        alice.surely("POST", f"/sessions/{session_id}/stop")
        stopped = world.until(lambda: (s := alice.session(session_id))["status"] == "STOPPED" and s, "it is stopped")
        assert stopped["container_id"] is None
        assert bash(alice, session_id, "cat file.txt") == "written"
        assert alice.session(session_id)["claude_session_id"] == shown["claude_session_id"]
        alice.surely("DELETE", f"/sessions/{session_id}")


class TestOutage:
    @pytest.mark.parametrize("kind", ["ssh", "modal"])
    def test_of_the_network_is_got_over(self, reached: Places, world: World, alice: Client, kind: str) -> None:
        """The agent works on while nobody can reach it; what it said meanwhile is read afterwards, once."""
        command = {"tool": "Bash", "input": {"command": f"sleep 6; {COMMAND}"}}
        prompt = script([{"text": "I shall wait a little."}, command], {"text": "the end"})
        session_id = alice.begin(prompt, environment_id=reached.add(alice, kind), **BYPASS)
        alice.until_event(session_id, "tool.call")

        with reached.away(kind):
            time.sleep(8)
        shown = alice.until_done(session_id)

        assert (shown["status"], shown["status_reason"]) == ("COMPLETED", "")
        assert [told["text"] for told in alice.of_kind(session_id, "tool.result")] == ["written"]
        assert [told["text"] for told in alice.of_kind(session_id, "assistant.text")].count("the end") == 1
        alice.surely("DELETE", f"/sessions/{session_id}")


class TestEngine:
    @pytest.mark.thorough
    def test_that_was_killed_leaves_a_true_state_and_nobody_behind(self) -> None:
        if reason := engine.why_not():
            pytest.skip(reason)
        daemon = Daemon(Path(tempfile.mkdtemp(prefix="slipway-engine-")))
        try:
            daemon.start()
            daemon.import_image(image.archive(), engine.IMAGE)
            with worlds(None, SLIPWAY_DOCKER_HOST=daemon.url) as world:
                self.kill_it_during_a_turn(daemon, newcomer(world, "alice"))
        finally:
            daemon.remove()

    def kill_it_during_a_turn(self, daemon: Daemon, alice: Client) -> None:
        body = {"organization_id": alice.organization_id, "name": "containers", "kind": "DOCKER"}
        config = {"config": {"image": engine.IMAGE}}
        made = alice.person.call("POST", "/api/environments", body | config)
        command = {"tool": "Bash", "input": {"command": f"sleep 6; {COMMAND}"}}
        session_id = alice.begin(script([command], {"text": "the end"}), environment_id=made["id"], **BYPASS)
        alice.until_event(session_id, "tool.call")

        daemon.kill()
        time.sleep(2)
        daemon.start()
        shown = alice.until_done(session_id)

        assert shown["status"] in ("COMPLETED", "ERROR", "STOPPED")
        assert shown["status"] == "COMPLETED" or NEXT_STEP.search(shown["status_reason"])
        assert bash(alice, session_id, "echo there") == "there"
        assert len(json.loads(daemon.ask("GET", "/containers/json")[1])) == 1
        alice.surely("POST", f"/sessions/{session_id}/stop")
        alice.world.until(lambda: json.loads(daemon.ask("GET", "/containers/json")[1]) == [], "no container runs")


class TestMove:
    def test_keeps_tree_conversation_and_log(self, reached: Places, world: World, alice: Client) -> None:
        session_id = alice.begin(script({"tool": "Bash", "input": {"command": BEGIN}}, {"text": "begun"}), **BYPASS)
        shown = alice.until_done(session_id)
        told, events = "begun", alice.events(session_id)
        for kind in ("docker-runc", "modal", "ssh"):
            to = reached.add(alice, kind)
            before = len(alice.of_kind(session_id, "session.moved"))
            alice.surely("POST", f"/sessions/{session_id}/move", {"environment_id": to})
            moved = until_moved(alice, session_id, before + 1)
            assert (moved["to"].split()[0], moved["error"]) == (kind, "")

            told += f"\n{kind}"
            assert bash(alice, session_id, f"echo {kind} >> file.txt; cat file.txt") == told
            assert bash(alice, session_id, "git log -1 --format=%s; test -e x.log || echo gone") == "begun\ngone"
            now = alice.session(session_id)
            assert (now["environment_id"], now["claude_session_id"]) == (to, shown["claude_session_id"])

        log = alice.events(session_id)
        assert log[: len(events)] == events
        notices = [payload["text"] for payload in alice.of_kind(session_id, "agent.notice")]
        assert not any("record of this conversation was lost" in text for text in notices)

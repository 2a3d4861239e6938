"""The same work in every kind of sandbox, with the real agent: asked, killed, recovered, allowed; and moved."""

from __future__ import annotations

import contextlib
import http.client
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.faults.places import KINDS, Places, places
from tests.faults.stories import AWAY_S, BYPASS, COMMAND, bash, slow
from tests.faults.world import PATIENCE_S, Client, World, script
from tests.journeys.wire import query

pytestmark = [pytest.mark.cli, pytest.mark.fault, pytest.mark.timeout(600)]

WALK = script([{"text": "I shall write a file."}, {"tool": "Bash", "input": {"command": COMMAND}}], {"text": "the end"})
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
        """The agent works on while nobody can reach it; what it said meanwhile is read afterwards, once. A session at
        rest stays as it is."""
        environment_id = reached.add(alice, kind)
        resting = alice.begin(script({"text": "there"}), environment_id=environment_id)
        before = alice.until_done(resting)
        session_id = alice.begin(slow(AWAY_S * 0.75), environment_id=environment_id, **BYPASS)
        alice.until_event(session_id, "tool.call")

        with reached.away(kind):
            time.sleep(AWAY_S)
        shown = alice.until_done(session_id)

        assert (shown["status"], shown["status_reason"]) == ("COMPLETED", "")
        assert [told["text"] for told in alice.of_kind(session_id, "tool.result")] == ["written"]
        assert [told["text"] for told in alice.of_kind(session_id, "assistant.text")].count("the end") == 1
        after = alice.session(resting)
        assert (after["status"], after["container_id"]) == (before["status"], before["container_id"])
        assert bash(alice, resting, "echo there") == "there"
        for id in (session_id, resting):
            alice.surely("DELETE", f"/sessions/{id}")
        world.until(lambda: machines_of(world, environment_id) == [], "nothing runs there")

    @pytest.mark.thorough
    def test_a_stop_by_force_does_not_wait_for_it(self, reached: Places, world: World, alice: Client) -> None:
        """The session ends at once; its sandbox when the machine can be reached, and files that nobody needs go."""
        environment_id = reached.add(alice, "ssh")
        session_id = alice.begin(script({"text": "there"}), environment_id=environment_id)
        pid = int(alice.until_done(session_id)["container_id"].split()[0])

        with reached.away("ssh"):
            alice.person.call("DELETE", f"/api/environments/{environment_id}?force=true")
            world.until(lambda: alice.session(session_id)["status"] == "STOPPED", "it is stopped")
            shown, ran_on = alice.session(session_id), is_alive(pid)

        assert (shown["container_id"], ran_on) == (None, True)
        assert any("by force" in told["text"] for told in alice.of_kind(session_id, "agent.notice"))
        assert bash(alice, session_id, "echo elsewhere") == "elsewhere"
        world.until(lambda: not is_alive(pid), "the sandbox has ended", timeout_s=150)
        alice.surely("DELETE", f"/sessions/{session_id}")


class TestLifetime:
    @pytest.mark.parametrize("are_volumes_lost", [pytest.param(False, marks=pytest.mark.thorough), True])
    def test_of_a_sandbox_at_modal_ends_no_session(
        self, reached: Places, world: World, alice: Client, are_volumes_lost: bool
    ) -> None:
        """Modal ends each sandbox after 24 hours; the next one has tree and conversation, also from the vault alone."""
        environment_id = reached.add(alice, "modal")
        session_id = alice.begin(script({"tool": "Bash", "input": {"command": BEGIN}}, {"text": "begun"}), **BYPASS)
        alice.until_done(session_id)
        alice.surely("POST", f"/sessions/{session_id}/move", {"environment_id": environment_id})
        until_moved(alice, session_id, 1)
        assert bash(alice, session_id, "echo changed >> file.txt; cat file.txt") == "begun\nchanged"
        shown = alice.session(session_id)

        reached.modal.finish(shown["container_id"], "TIMEOUT")
        if are_volumes_lost:
            reached.lose_volumes()
        ended = world.until(lambda: (s := alice.session(session_id))["status"] == "STOPPED" and s, "it is noticed")

        assert (ended["container_id"], ended["git_status"]) == (None, "DIRTY")
        assert ended["status_reason"].startswith("Modal ended the sandbox after 24 hours")
        assert "Send a message to go on." in ended["status_reason"]
        assert bash(alice, session_id, "cat file.txt; git log -1 --format=%s") == "begun\nchanged\nbegun"
        now = alice.session(session_id)
        assert now["container_id"] not in (None, shown["container_id"])
        assert are_volumes_lost or now["claude_session_id"] == shown["claude_session_id"]
        alice.surely("DELETE", f"/sessions/{session_id}")


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


MOVE_POINTS = ("saving.saved", "move.saved", "move.stopped", "move.done")
SHORT = ("move.saved", "move.stopped")
MOVES = [
    pytest.param("ssh", SHORT, id="ssh-short"),
    *[pytest.param(kind, MOVE_POINTS, id=kind, marks=pytest.mark.thorough) for kind in ("docker-runc", "ssh", "modal")],
]


class TestMoveWhileTheServerIsKilled:
    @pytest.mark.parametrize(("kind", "points"), MOVES)
    def test_is_done_once(
        self, reached: Places, world: World, alice: Client, kind: str, points: tuple[str, ...]
    ) -> None:
        """kill -9 of the server before the commit, at each step of the move, and over the making of the new sandbox."""
        session_id = alice.begin(script({"tool": "Bash", "input": {"command": BEGIN}}, {"text": "begun"}), **BYPASS)
        shown, to = alice.until_done(session_id), reached.add(alice, kind)
        body = {"id": str(uuid.uuid4()), "environment_id": to}

        world.arm("move.before_commit=kill")
        with contextlib.suppress(OSError, http.client.HTTPException):
            alice.call("POST", f"/sessions/{session_id}/move", body)
        for point in points:
            until_dead(world)
            world.arm(f"{point}=kill")
            world.tend()
            if point == points[0]:
                alice.surely("POST", f"/sessions/{session_id}/move", body)
        until_dead(world)
        world.arm("machine.created_before_stored=kill")
        world.tend()
        moved = until_moved(alice, session_id, 1)
        said = bash(alice, session_id, "cat file.txt; git log -1 --format=%s; test -e x.log || echo gone")

        assert (world.has_acted, moved["error"], said) == (True, "", "begun\nbegun\ngone")
        assert len(alice.of_kind(session_id, "session.moved")) == 1
        now = alice.session(session_id)
        assert (now["environment_id"], now["claude_session_id"]) == (to, shown["claude_session_id"])
        assert not (world.server.data_dir / "sandboxes" / session_id).exists()
        assert len(machines_of(world, to)) == 1
        alice.surely("DELETE", f"/sessions/{session_id}")
        world.until(lambda: machines_of(world, to) == [], "nothing runs there")


def until_dead(world: World) -> None:
    """Wait for the server to die at its fail point."""
    process, deadline = world.server.process, time.monotonic() + PATIENCE_S
    assert process is not None
    while process.poll() is None:
        assert time.monotonic() < deadline, "the server came by no fail point"
        time.sleep(0.05)


def machines_of(world: World, environment_id: str) -> list[str]:
    """The machines that live in an environment, as the rows say."""
    live = "select id from environments_machine where environment_id = %s and status in ('CREATING', 'RUNNING')"
    return [str(row[0]) for row in query(world.server, live, environment_id)]


def is_alive(pid: int) -> bool:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False

"""kill -9 of the server while a checkpoint is brought back: it comes back once, and what was there before is kept."""

from __future__ import annotations

import uuid

import pytest

from tests.faults.invariants import assert_invariants
from tests.faults.stories import BYPASS, bash
from tests.faults.test_kill import kill_at
from tests.faults.world import Client, World, script

pytestmark = [pytest.mark.cli, pytest.mark.fault, pytest.mark.timeout(300)]

POINTS = [
    pytest.param("restore.before_commit", marks=pytest.mark.thorough),
    pytest.param("machine.created_before_stored", marks=pytest.mark.thorough),
    pytest.param("vault.imported", marks=pytest.mark.thorough),
    pytest.param("restore.saved", marks=pytest.mark.thorough),
    "restore.applied",
]
WRITE = "echo two > file.txt; echo new > new.txt; git add new.txt; git commit -qm new; echo kept > ignored.log"
LOOK = "cat file.txt; ls; git log --format=%s | head -1"


def restore(client: Client, session_id: str, checkpoint_id: str, times: int) -> dict[str, object]:
    """Ask until it is answered; what the log says when it has been done so many times."""
    body = {"id": str(uuid.uuid4()), "checkpoint_id": checkpoint_id}
    client.surely("POST", f"/sessions/{session_id}/restore", body)
    client.world.until(lambda: len(client.of_kind(session_id, "tree.restored")) == times, "the tree is restored")
    told = client.of_kind(session_id, "tree.restored")[-1]
    assert (told["restore_id"], told["error"]) == (body["id"], "")
    return dict(told)


class TestRestore:
    @pytest.mark.parametrize("point", POINTS)
    def test_is_done_once_and_can_be_taken_back(self, world: World, alice: Client, point: str) -> None:
        first = script(
            {"tool": "Bash", "input": {"command": "echo '*.log' > .gitignore; echo one > file.txt"}}, {"text": "ok"}
        )
        session_id = alice.begin(first, **BYPASS)
        alice.until_done(session_id)
        bash(alice, session_id, WRITE)
        now = bash(alice, session_id, LOOK)
        checkpoint = alice.of_kind(session_id, "checkpoint.created")[0]
        if point.startswith("machine"):
            alice.surely("POST", f"/sessions/{session_id}/stop")
            world.until(lambda: alice.session(session_id)["status"] == "STOPPED", "the session is stopped")
        world.arm(kill_at(point))

        told = restore(alice, session_id, checkpoint["checkpoint_id"], 1)

        assert world.has_acted, f"nobody came by {point}"
        shown = alice.session(session_id)
        assert (shown["head_commit"], shown["git_status"]) == (checkpoint["commit"], "DIRTY")
        was = bash(alice, session_id, LOOK)
        assert {"one", "file.txt", "ignored.log"} <= set(was.split("\n"))
        assert "new.txt" not in was
        assert was != now

        restore(alice, session_id, str(told["from_checkpoint_id"]), 2)
        assert bash(alice, session_id, LOOK) == now
        assert record(world, session_id).count("the working tree was put back") == 2
        assert_invariants(world, alice)


def record(world: World, session_id: str) -> str:
    """The prompts in the agent's own record of its conversation."""
    home = world.server.data_dir / "sandboxes" / session_id / "home"
    lines = [line for path in home.glob(".claude/projects/*/*.jsonl") for line in path.read_text().splitlines()]
    return "\n".join(line for line in lines if '"type":"user"' in line)

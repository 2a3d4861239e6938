"""What an agent can do to its working tree, and what a full disk does to everything."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.invariants import assert_invariants
from tests.faults.world import Client, World, newcomer, script, worlds
from tests.journeys.test_streams import fill

pytestmark = [pytest.mark.cli, pytest.mark.fault, pytest.mark.timeout(300)]

BYPASS = {"permission_mode": "bypassPermissions"}
DAMAGE = {
    "no-git": "rm -rf .git",
    "nothing": "find . -mindepth 1 -delete",
    "no-head": "rm .git/HEAD",
    "junk-head": "head -c 100 /dev/urandom > .git/HEAD",
    "no-objects": "rm -rf .git/objects/* .git/objects/info",
    "unborn": "git checkout --quiet --orphan lost && git rm -rfq .",
    "detached": "git checkout --quiet --detach HEAD",
    "link-for-git": "rm -rf .git && ln -s /etc .git",
    "junk-index": "head -c 5000 /dev/urandom > .git/index",
    "pipe-in-tree": "mkfifo pipe; ln -s /proc/self/mem mem",
}


def bash(command: str) -> dict[str, object]:
    return {"tool": "Bash", "input": {"command": command}}


class TestE32:
    @pytest.mark.thorough
    @pytest.mark.parametrize("damage", DAMAGE)
    def test_an_agent_that_breaks_its_own_tree_breaks_nothing_else(
        self, world: World, alice: Client, damage: str
    ) -> None:
        session_id = alice.begin(script(bash("echo kept > kept.txt"), {"text": "kept"}), **BYPASS)
        alice.until_done(session_id)
        alice.send(session_id, script(bash(DAMAGE[damage]), {"text": "broken"}))
        alice.until_done(session_id)
        alice.surely("GET", f"/sessions/{session_id}/diff")

        assert_invariants(world, alice)
        alice.send(session_id, script({"text": "went on"}))
        done = alice.until_done(session_id)
        assert done["status"] == "COMPLETED", done["status_reason"]
        assert alice.of_kind(session_id, "assistant.text")[-1]["text"] == "went on"


class TestE31:
    @pytest.mark.thorough
    @pytest.mark.parametrize("lock", ["index.lock", "HEAD.lock", "config.lock", "packed-refs.lock"])
    def test_a_lock_that_a_dead_git_left_in_the_tree_costs_no_checkpoint(
        self, world: World, alice: Client, lock: str
    ) -> None:
        session_id = alice.begin(script(bash(f"echo x > x.txt; touch .git/{lock}"), {"text": "the end"}), **BYPASS)
        alice.until_done(session_id)

        assert [payload["git_status"] for payload in alice.of_kind(session_id, "checkpoint.created")] == ["DIRTY"]
        assert_invariants(world, alice)

    @pytest.mark.thorough
    @pytest.mark.parametrize("lock", ["packed-refs.lock", "HEAD.lock", "config.lock", "shallow.lock"])
    def test_a_lock_that_a_dead_git_left_in_the_vault_is_removed(self, world: World, alice: Client, lock: str) -> None:
        vault = world.server.data_dir / "vault" / f"{alice.project()}.git"
        (vault / lock).touch()
        long_ago = time.time() - 600
        os.utime(vault / lock, (long_ago, long_ago))

        session_id = alice.begin(script(bash("echo x > x.txt"), {"text": "the end"}), **BYPASS)
        alice.until_done(session_id)

        assert len(alice.of_kind(session_id, "checkpoint.created")) == 1
        assert_invariants(world, alice)


@pytest.fixture(scope="class")
def cramped() -> Iterator[World]:
    """A server whose data folder is a file system of its own."""
    folder = Path(tempfile.mkdtemp(prefix="slipway-fault-"))
    command = ["mount", "-t", "tmpfs", "-o", "size=96m", "tmpfs", str(folder)]
    if subprocess.run(command, capture_output=True).returncode:
        folder.rmdir()
        pytest.skip("NOT TESTED: no file system can be mounted here, so the disk cannot be filled")
    try:
        with worlds(folder) as made:
            yield made
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)
        shutil.rmtree(folder, ignore_errors=True)


class TestE18AndE19:
    @pytest.mark.thorough
    def test_a_full_disk_fails_turns_in_plain_words_and_freeing_space_is_enough(self, cramped: World) -> None:
        alice = newcomer(cramped, "alice")
        assert cramped.neighbour is not None
        cramped.neighbour.project()
        session_id = alice.begin(script(bash("echo kept > kept.txt"), {"text": "one"}), **BYPASS)
        alice.until_done(session_id)
        ballast = cramped.server.data_dir / "ballast"
        fill(ballast)

        alice.send(session_id, script(bash("head -c 9000000 /dev/zero > big"), {"text": "two"}))
        full = alice.until_done(session_id)
        ballast.unlink()

        assert full["status"] in ("ERROR", "COMPLETED")
        told = full["status_reason"] + str(alice.of_kind(session_id, "agent.notice"))
        assert "space" in told
        assert_invariants(cramped, alice)
        alice.send(session_id, script(bash("cat kept.txt"), {"text": "three"}))
        assert alice.until_done(session_id)["status"] == "COMPLETED"
        assert alice.of_kind(session_id, "tool.result")[-1]["text"] == "kept"
        assert_invariants(cramped, alice)

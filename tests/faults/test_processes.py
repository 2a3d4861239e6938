"""Agents, sandboxes and whole machines that die while people watch."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.faults import victims
from tests.faults.invariants import assert_invariants, guests
from tests.faults.stories import STORY, asks, assert_told, spool, streams, tell
from tests.faults.watching import Watcher, watching
from tests.faults.world import Client, World, script

pytestmark = [pytest.mark.cli, pytest.mark.fault, pytest.mark.timeout(300)]

BYPASS = {"permission_mode": "bypassPermissions"}
TRUE_WITHIN_S = 90  # thirty seconds on a machine that does nothing else


def until_failed(world: World, alice: Client, session_id: str) -> dict[str, Any]:
    return _until_shown(world, alice, session_id, "ERROR")


def until_stopped(world: World, alice: Client, session_id: str) -> dict[str, Any]:
    return _until_shown(world, alice, session_id, "STOPPED")


def _until_shown(world: World, alice: Client, session_id: str, status: str) -> dict[str, Any]:
    def is_shown() -> dict[str, Any] | None:
        session = alice.session(session_id)
        return session if session["status"] == status else None

    return dict(world.until(is_shown, f"the session is shown as {status}", TRUE_WITHIN_S))


def goes_on(world: World, alice: Client, session_id: str) -> None:
    """The next message finds the agent with all that was said before."""
    alice.send(session_id, script({"tool": "Bash", "input": {"command": "cat kept.txt"}}, {"text": "went on"}))
    done = alice.until_done(session_id)
    assert done["status"] == "COMPLETED", done["status_reason"]
    assert alice.of_kind(session_id, "assistant.text")[-1]["text"] == "went on"
    assert alice.of_kind(session_id, "tool.result")[-1]["text"] == "kept", "the files are as they were"
    assert_invariants(world, alice)


@pytest.fixture
def session_id(alice: Client) -> str:
    """A session that has written a file and rests."""
    id = alice.begin(script({"tool": "Bash", "input": {"command": "echo kept > kept.txt"}}, {"text": "kept"}), **BYPASS)
    alice.until_done(id)
    return id


ENDLESS = "tail -f /dev/null"  # a bare sleep the agent refuses to run
SLEEPS = script([{"text": "Now I wait."}, {"tool": "Bash", "input": {"command": ENDLESS}}])


class TestE3:
    @pytest.mark.thorough
    def test_fifty_pages_see_all_of_it_over_a_killed_server(self, world: World, alice: Client) -> None:
        session_id = alice.begin(STORY)
        watchers = [Watcher(alice, session_id, way) for way in ("ws", "sse") for _ in range(20)]
        try:
            world.until(streams(world, session_id), "text")
            world.kill()
            last = alice.until_done(session_id)["last_seq"]
            log = [(event["seq"], event["kind"], event["payload"]) for event in alice.events(session_id)]
            for watcher in watchers:
                watcher.wait_for(last)
                assert [(event["seq"], event["kind"], event["payload"]) for event in watcher.seen] == log
        finally:
            for watcher in watchers:
                watcher.close()
        assert_told(world, alice, session_id)


class TestE6:
    @pytest.mark.thorough
    def test_what_the_agent_says_while_no_server_is_there_is_kept(self, world: World, alice: Client) -> None:
        command = "for part in $(seq 1 8); do echo part $part; sleep 1; done"
        session_id = alice.begin(script({"tool": "Bash", "input": {"command": command}}, {"text": "the end"}), **BYPASS)
        with watching(alice, session_id):
            world.until(lambda: b'"tool_use"' in spool(world, session_id), "the call")
            world.kill()
            before = len(spool(world, session_id))
            time.sleep(10)
            assert len(spool(world, session_id)) > before, "the agent works on"
            alice.until_done(session_id)

        parts = "\n".join(f"part {number}" for number in range(1, 9))
        assert [payload["text"] for payload in alice.of_kind(session_id, "tool.result")] == [parts]
        assert_invariants(world, alice)


class TestE7:
    def test_a_killed_agent_is_told_and_its_message_is_not_run_again(
        self, world: World, alice: Client, session_id: str
    ) -> None:
        with watching(alice, session_id):
            alice.send(session_id, SLEEPS)
            world.until(lambda: ENDLESS.encode() in spool(world, session_id), "the call")
            world.until(lambda: len(alice.of_kind(session_id, "tool.call")) == 2, "the call is shown")
            os.kill(victims.agent(world.server, session_id), signal.SIGKILL)
            failed = until_failed(world, alice, session_id)

        assert "signal 9" in failed["status_reason"]
        assert alice.of_kind(session_id, "agent.exited")[-1]["signal"] == 9
        assert_invariants(world, alice)
        goes_on(world, alice, session_id)
        calls = [payload["input"]["command"] for payload in alice.of_kind(session_id, "tool.call")]
        assert calls.count(ENDLESS) == 1

    @pytest.mark.thorough
    def test_one_that_is_killed_with_the_server_is_told_when_it_is_back(
        self, world: World, alice: Client, session_id: str
    ) -> None:
        alice.send(session_id, SLEEPS)
        world.until(lambda: len(alice.of_kind(session_id, "tool.call")) == 2, "the call is shown")
        pid = victims.agent(world.server, session_id)
        world.kill()
        os.kill(pid, signal.SIGKILL)
        world.tend()

        failed = until_failed(world, alice, session_id)
        assert "signal 9" in failed["status_reason"]
        goes_on(world, alice, session_id)


TEARS: dict[str, Callable[[bytes], bytes]] = {
    "half-a-line": lambda data: data[: data.rstrip(b"\n").rfind(b"\n") + 40],
    "garbage": lambda data: data + b"\x00\xff{{{not json\n",
    "two-on-one-line": lambda data: data.rstrip(b"\n") + data.splitlines()[-1] + b"\n",
    "a-call-without-result": lambda data: b"".join(
        line for line in data.splitlines(keepends=True) if b'"tool_result"' not in line
    ),
    "nothing": lambda data: b"",
}


class TestE8:
    @pytest.mark.thorough
    @pytest.mark.parametrize("tear", TEARS)
    def test_a_torn_record_of_the_conversation_costs_no_session(
        self, world: World, alice: Client, session_id: str, tear: str
    ) -> None:
        before = alice.events(session_id)
        os.kill(victims.agent(world.server, session_id), signal.SIGKILL)
        path = victims.transcript(world, session_id)
        whole = path.read_bytes()
        path.write_bytes(TEARS[tear](whole))
        if tear == "nothing":  # the new record tells the first message as history: that it came is told by the old one
            (world.server.data_dir / "sandboxes" / session_id / "home" / "received.jsonl").write_bytes(whole)

        goes_on(world, alice, session_id)

        assert alice.events(session_id)[: len(before)] == before, "what people see is not blank"


class TestE9:
    def test_a_killed_sandbox_is_told_and_the_work_is_still_there(
        self, world: World, alice: Client, session_id: str
    ) -> None:
        with watching(alice, session_id):
            alice.send(session_id, SLEEPS)
            world.until(lambda: len(alice.of_kind(session_id, "tool.call")) == 2, "the call is shown")
            os.kill(victims.sandbox(world.server, session_id), signal.SIGKILL)
            failed = until_failed(world, alice, session_id)

        assert "sandbox" in failed["status_reason"]
        assert_invariants(world, alice)
        goes_on(world, alice, session_id)

    @pytest.mark.thorough
    def test_one_that_dies_between_turns_is_found_by_the_next_message(
        self, world: World, alice: Client, session_id: str
    ) -> None:
        os.kill(victims.sandbox(world.server, session_id), signal.SIGKILL)

        goes_on(world, alice, session_id)

    @pytest.mark.thorough
    def test_one_that_dies_while_it_asks_withdraws_its_question(self, world: World, alice: Client) -> None:
        session_id = alice.begin(STORY)
        world.until(asks(alice, session_id), "the question")
        os.kill(victims.sandbox(world.server, session_id), signal.SIGKILL)
        until_failed(world, alice, session_id)

        assert alice.session(session_id)["pending_permissions"] == []
        assert alice.of_kind(session_id, "permission.resolved")[-1]["status"] == "CANCELLED"
        assert_invariants(world, alice)


class TestE11:
    def test_a_host_that_reboots_comes_back_with_all_sessions(self, world: World, alice: Client) -> None:
        """All processes of ours end at once: server, database, sandboxes."""
        session_ids = [
            alice.begin(script({"tool": "Bash", "input": {"command": "echo kept > kept.txt"}}), **BYPASS)
            for _ in range(4)
        ]
        for id in session_ids:
            alice.until_done(id)
        working, asking, *resting = session_ids
        alice.send(working, SLEEPS)
        alice.send(asking, script({"tool": "AskUserQuestion", "input": {"questions": []}}, {"text": "x"}))
        world.until(lambda: len(alice.of_kind(working, "tool.call")) == 2, "the call is shown")
        pids = guests(world)
        world.kill()
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        world.tend()

        assert "Send a message to go on." in until_failed(world, alice, working)["status_reason"]
        for id in resting:
            assert "Send a message to go on." in until_stopped(world, alice, id)["status_reason"]
        assert_invariants(world, alice)
        for id in (working, *resting):
            goes_on(world, alice, id)
            assert len({turn["claude_session_id"] for turn in alice.of_kind(id, "turn.started")}) == 1
        calls = [payload["input"]["command"] for payload in alice.of_kind(working, "tool.call")]
        assert calls.count(ENDLESS) == 1


class TestE38:
    def test_a_server_that_is_replaced_in_mid_turn_hands_it_over(self, world: World, alice: Client) -> None:
        def during(session_id: str) -> None:
            world.until(streams(world, session_id), "text")
            assert world.server.stop() == 0
            world.server.start()

        assert_told(world, alice, tell(alice, during=during))


class TestE40:
    def test_a_session_that_is_deleted_while_it_runs_stays_deleted(self, world: World, alice: Client) -> None:
        session_id = alice.begin(SLEEPS, **BYPASS)
        world.until(lambda: alice.of_kind(session_id, "tool.call"), "the call")
        pid = victims.sandbox(world.server, session_id)
        alice.surely("DELETE", f"/sessions/{session_id}")
        world.kill()
        world.tend()

        world.until(lambda: not (world.server.data_dir / "sandboxes" / session_id).exists(), "its folder is gone")
        world.until(lambda: pid not in guests(world), "its sandbox is gone")
        assert_invariants(world, alice)

    @pytest.mark.thorough
    def test_a_gigabyte_of_output_costs_no_turn(self, world: World, alice: Client) -> None:
        session_id = alice.begin(
            script({"tool": "Bash", "input": {"command": "yes | head -c 1000000000"}}, {"text": "the end"}), **BYPASS
        )
        done = alice.until_done(session_id)

        assert done["status"] == "COMPLETED"
        assert len(alice.of_kind(session_id, "tool.result")[-1]["text"]) < 2**20
        assert_invariants(world, alice)

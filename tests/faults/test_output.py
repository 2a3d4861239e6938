"""E35: an agent that writes what no agent should: nothing is lost without a mark, and nothing stops the session."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from typing import Any

import pytest

from tests.faults.invariants import assert_invariants
from tests.faults.watching import watching
from tests.faults.world import Client, World, newcomer, worlds
from tests.journeys import fake_claude
from tests.journeys.wire import resident_bytes

pytestmark = [pytest.mark.fault, pytest.mark.timeout(300)]

MEGABYTE = 2**20


@pytest.fixture(scope="module")
def module_world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Its agent is `fake_claude.py`."""
    folder = tmp_path_factory.mktemp("agent")
    shutil.copy(str(fake_claude.__file__), folder / "claude")
    (folder / "claude").chmod(0o755)
    with worlds(SLIPWAY_CLAUDE_CLI=str(folder / "claude")) as made:
        yield made


@pytest.fixture(scope="module")
def module_alice(module_world: World) -> Client:
    return newcomer(module_world, "alice")


def texts(alice: Client, session_id: str) -> list[str]:
    return [str(payload["text"]) for payload in alice.of_kind(session_id, "assistant.text")]


def raws(alice: Client, session_id: str) -> str:
    return "\n".join(str(payload["text"]) for payload in alice.of_kind(session_id, "agent.raw"))


def told(alice: Client, prompt: str) -> tuple[str, dict[str, Any]]:
    """The agent acts what the prompt names, while two pages look on."""
    session_id = alice.begin(prompt)
    with watching(alice, session_id):
        done = alice.until_done(session_id)
    return session_id, done


class TestE35:
    @pytest.mark.parametrize("act", ["garbage", "unknown", "text", "bytes", "stderr", "version"])
    def test_the_session_goes_on(self, world: World, alice: Client, act: str) -> None:
        session_id, done = told(alice, f"before it, {act}, after it")

        assert done["status"] == "COMPLETED", done["status_reason"]
        assert [text for text in texts(alice, session_id) if text in ("before it", "after it")] == [
            "before it",
            "after it",
        ]
        assert_invariants(world, alice)

    @pytest.mark.thorough
    def test_characters_that_cannot_be_stored_leave_a_mark_and_the_rest_stays(
        self, world: World, alice: Client
    ) -> None:
        session_id, _ = told(alice, "text")

        text = texts(alice, session_id)[0]
        assert text.startswith("nul ")
        assert text.endswith("end")
        assert "\x00" not in text
        assert "\x1b[31mred" in text
        json.dumps(text).encode()
        text.encode()

    @pytest.mark.thorough
    def test_what_is_no_json_is_shown_as_it_came(self, world: World, alice: Client) -> None:
        session_id, _ = told(alice, "stderr, unknown")

        assert raws(alice, session_id).count("noise between the lines") >= 1
        assert "from_the_future" in raws(alice, session_id)

    def test_a_line_of_100_megabytes_costs_no_memory(self, world: World, alice: Client) -> None:
        told(alice, "small")
        assert world.server.process is not None
        before = resident_bytes(world.server.process.pid)

        session_id, done = told(alice, f"line {100 * MEGABYTE}, after it")

        assert done["status"] == "COMPLETED"
        assert texts(alice, session_id) == ["after it"]
        assert resident_bytes(world.server.process.pid) - before < 60 * MEGABYTE
        assert_invariants(world, alice)

    def test_half_a_line_at_the_end_fails_the_turn_and_the_next_one_works(self, world: World, alice: Client) -> None:
        session_id, failed = told(alice, "before it, half")
        assert failed["status"] == "ERROR"
        assert "exit code 3" in failed["status_reason"]

        alice.send(session_id, "again")
        assert alice.until_done(session_id)["status"] == "COMPLETED"
        assert texts(alice, session_id) == ["before it", "again"]
        assert_invariants(world, alice)

    def test_a_server_that_is_killed_in_the_middle_of_it_reads_on_from_there(self, world: World, alice: Client) -> None:
        alice.project()
        world.arm("log.before_append=kill@3")
        session_id, done = told(alice, "before it, garbage, unknown, text, line 3000000, after it")

        assert done["status"] == "COMPLETED", done["status_reason"]
        assert [text for text in texts(alice, session_id) if not text.startswith("nul")] == ["before it", "after it"]
        assert_invariants(world, alice)

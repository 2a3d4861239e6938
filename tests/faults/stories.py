"""What people do while things fail, and what must have come of it."""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from typing import Any

from tests.faults.invariants import assert_invariants
from tests.faults.watching import watching
from tests.faults.world import Client, World, script

SEEDS = range(int(os.environ.get("FAULT_SEEDS", "1")))
SEED = [int(os.environ["FAULT_SEED"])] if "FAULT_SEED" in os.environ else list(SEEDS)
TIMES = int(os.environ.get("FAULT_TIMES", "1"))
AWAY_S = float(os.environ.get("FAULT_AWAY_S", "6"))  # how long a place is out of reach

BYPASS = {"permission_mode": "bypassPermissions"}
SPOKEN = " ".join(f"word{number}" for number in range(60))
COMMAND = "echo written >> file.txt; cat file.txt"
STORY = script(
    [{"text": SPOKEN, "chunks": 30, "delay": 0.02}, {"tool": "Bash", "input": {"command": COMMAND}}],
    {"text": "the end"},
)


def slow(seconds: float) -> str:
    """A turn whose command takes so long; the agent's program refuses long ones of `sleep`."""
    wait = f"python3 -c 'import time; time.sleep({seconds})'"
    command = {"tool": "Bash", "input": {"command": f"{wait}; {COMMAND}"}}
    return script([{"text": "I shall wait a little."}, command], {"text": "the end"})


def bash(client: Client, session_id: str, command: str) -> str:
    """What a command of the agent's prints."""
    client.send(session_id, script({"tool": "Bash", "input": {"command": command}}, {"text": "done"}))
    client.until_done(session_id)
    return str(client.of_kind(session_id, "tool.result")[-1]["text"])


def tell(alice: Client, *, prompt: str = STORY, during: Callable[[str], None] = lambda _: None) -> str:
    """A session from its first prompt to its end, with two pages open on it; something may happen meanwhile."""
    session_id = alice.begin(prompt)
    with watching(alice, session_id):
        during(session_id)
        alice.until_done(session_id)
    return session_id


def assert_told(world: World, alice: Client, session_id: str) -> None:
    """The story went as if nothing had happened, and all else is in order."""
    assert_story(alice, session_id)
    assert_invariants(world, alice)


def assert_story(alice: Client, session_id: str) -> None:
    """The story went as if nothing had happened."""
    shown = alice.session(session_id)
    assert shown["status"] == "COMPLETED", shown["status_reason"]
    texts = [payload["text"] for payload in alice.of_kind(session_id, "assistant.text")]
    assert texts[-1] == "the end"
    assert texts.count("the end") == 1
    results = [payload["text"] for payload in alice.of_kind(session_id, "tool.result")]
    assert results == ["written"], "the command ran once, and its file is as it left it"
    assert len(alice.of_kind(session_id, "turn.completed")) == 1
    assert len(alice.of_kind(session_id, "checkpoint.created")) == 1


def spool(world: World, session_id: str) -> bytes:
    """What the session's agents have printed so far."""
    runs = world.server.data_dir / "sandboxes" / session_id / "state" / "runs"
    return b"".join(path.read_bytes() for path in sorted(runs.glob("*/out.jsonl")))


def streams(world: World, session_id: str, deltas: int = 5) -> Callable[[], bool]:
    """Whether the answer is on its way."""
    return lambda: spool(world, session_id).count(b'"text_delta"') >= deltas


def asks(alice: Client, session_id: str) -> Callable[[], Any]:
    return lambda: alice.session(session_id)["pending_permissions"]


def chosen(seed: int, *what: Any) -> random.Random:
    """The same choices for the same seed."""
    return random.Random(f"{seed} {what}")

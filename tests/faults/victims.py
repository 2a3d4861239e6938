"""Where the processes of a session are, as this machine counts them."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from config import postgres
from tests.faults.world import World
from tests.journeys.server import Server
from tests.journeys.wire import query


def agent(server: Server, session_id: str) -> int:
    """The agent's process."""
    rows = query(server, "select claude_session_id from agent_sessions_agentsession where id = %s", session_id)
    mark = str(rows[0][0]).encode()
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            line = (entry / "cmdline").read_bytes()
        except OSError:
            continue
        if mark in line and b"stream-json" in line:
            return int(entry.name)
    raise AssertionError("there is no agent")


def sandbox(server: Server, session_id: str) -> int:
    """The sandbox's first process."""
    handle = "select m.handle from environments_machine m join agent_sessions_agentsession s on s.machine_id = m.id"
    return int(query(server, f"{handle} where s.id = %s", session_id)[0][0]["pid"])


def transcript(world: World, session_id: str) -> Path:
    """The agent's own record of the conversation."""
    home = world.server.data_dir / "sandboxes" / session_id / "home"
    return max(home.glob(".claude/projects/*/*.jsonl"), key=lambda path: path.stat().st_size)


def kill_database(world: World) -> None:
    """kill -9 of the embedded database; the server brings it back."""
    pid = int((postgres.place(world.server.data_dir).data / "postmaster.pid").read_text().split()[0])
    os.kill(pid, signal.SIGKILL)

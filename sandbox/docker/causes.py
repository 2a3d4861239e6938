"""Why a container has ended, in a sentence for people."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from sandbox.docker.containers import State, instant
from sandbox.spec import DockerSpec

KILLED = 137  # 128 + SIGKILL
TERMINATED = 143  # 128 + SIGTERM
LOST = 255  # the engine's word for a container whose end it has not seen
LIFETIME = "ended: lifetime"  # the guest's last word, or
SIGNALLED = "ended: terminated"
SLACK = timedelta(seconds=2)


def cause_of(state: State | None, said: str, spec: DockerSpec) -> str:
    """From the engine's words on its life, and the last ones of its first process."""
    if state is None:
        return "The container was removed."
    if state["Running"]:
        return "The container still runs."
    code = state["ExitCode"]
    if state["OOMKilled"] and code == KILLED:
        return f"The sandbox ran out of memory ({_size(spec.memory_bytes)}) and was stopped."
    if code in (KILLED, LOST, TERMINATED) and _was_booted_since(state):
        return "The machine that the sandbox ran on was restarted."
    if code in (LOST, TERMINATED) or said.endswith(SIGNALLED):
        return "The Docker engine stopped the sandbox, as it does when it is restarted."
    if code == KILLED:
        return "The sandbox was killed."
    if code == 0:
        is_idle = said.endswith(LIFETIME)
        return "The sandbox had not been used for long and was put away." if is_idle else "The sandbox was stopped."
    return f"The sandbox ended with exit code {code}."


def _size(size_bytes: int) -> str:
    return f"{size_bytes / 2**30:.3g} GB" if size_bytes >= 2**30 else f"{size_bytes // 2**20} MB"


def _was_booted_since(state: State) -> bool:
    began = instant(state["StartedAt"])
    uptime_s = float(Path("/proc/uptime").read_text().split()[0])
    return began is not None and began + SLACK < datetime.now(UTC) - timedelta(seconds=uptime_s)

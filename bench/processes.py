"""Memory and processor time of processes and of all that descend from them, from /proc."""

from __future__ import annotations

import contextlib
import os
from collections import defaultdict
from pathlib import Path


def tree(root: int) -> set[int]:
    """A process and its descendants."""
    children: dict[int, list[int]] = defaultdict(list)
    for pid in _pids():
        with contextlib.suppress(OSError):
            children[_parent(pid)].append(pid)
    found, queue = {root}, [root]
    while queue:
        for child in children[queue.pop()]:
            found.add(child)
            queue.append(child)
    return found


def with_argument(text: str) -> set[int]:
    """The processes that have `text` among their arguments, with their descendants."""
    roots = set()
    for pid in _pids():
        with contextlib.suppress(OSError):
            if text.encode() in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0"):
                roots.add(pid)
    return set().union(*(tree(root) for root in roots))


def named(pids: set[int], text: str) -> set[int]:
    """Those of them whose program or first arguments contain `text`."""
    return {pid for pid in pids if text in _command(pid)}


def pss_kib(pids: set[int]) -> float:
    """Proportional set size: pages that several processes share count once."""
    return sum(_rollup_kib(pid, "Pss:") for pid in pids)


def anonymous_kib(pid: int) -> float:
    """What the process itself has written: pages of programs, which the kernel may drop at any time, do not count."""
    return _rollup_kib(pid, "Pss_Anon:")


def cpu_s(pid: int) -> float:
    """The processor time that a process has used so far, its children's not included."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def spent_s(pids: set[int]) -> float:
    """The processor time that processes and those of their children that have ended have used so far."""
    return sum(_spent_s(pid) for pid in pids)


def machine_s() -> tuple[float, float]:
    """The processor time that the machine has spent at work, and that it could have: both count all cores."""
    fields = [int(field) for field in Path("/proc/stat").read_text().split(maxsplit=9)[1:9]]
    idle, total = fields[3] + fields[4], sum(fields)  # what waits for a disk is idle too
    return (total - idle) / os.sysconf("SC_CLK_TCK"), total / os.sysconf("SC_CLK_TCK")


def _spent_s(pid: int) -> float:
    with contextlib.suppress(OSError):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return sum(int(field) for field in fields[11:15]) / os.sysconf("SC_CLK_TCK")
    return 0


def _rollup_kib(pid: int, name: str) -> float:
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith(name):
                return float(line.split()[1])
    return 0


def _command(pid: int) -> str:
    with contextlib.suppress(OSError):
        return " ".join(Path(f"/proc/{pid}/cmdline").read_text(errors="replace").split("\0")[:2])
    return ""


def _parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def _pids() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]

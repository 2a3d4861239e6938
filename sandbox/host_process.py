"""A process of this machine, named for good by number, start time and boot: a reused number is not believed."""

from __future__ import annotations

import asyncio
import os
import select
import signal
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

KILL_TIMEOUT_S = 10.0
STEP_S = 0.005


@dataclass(frozen=True)
class HostProcess:
    """The first process of a sandbox, seen from outside."""

    pid: int
    start: int
    boot: str

    @classmethod
    def of(cls, pid: int) -> HostProcess | None:
        """The living process of that number."""
        start = _start_time(pid)
        return None if start is None else cls(pid, start, boot_id())

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> HostProcess | None:
        pid, start, boot = value.get("pid"), value.get("start"), value.get("boot")
        if not isinstance(pid, int) or not isinstance(start, int) or not isinstance(boot, str) or pid <= 1:
            return None
        return cls(pid, start, boot)

    def to_json(self) -> dict[str, Any]:
        return {"pid": self.pid, "start": self.start, "boot": self.boot}

    def is_of_this_boot(self) -> bool:
        return self.boot == boot_id()

    def is_alive(self) -> bool:
        return self.boot == boot_id() and _start_time(self.pid) == self.start

    async def kill(self) -> bool:
        """KILL it and wait until it is gone; False when it would not go."""
        return await self._end(signal.SIGKILL, KILL_TIMEOUT_S)

    async def wait(self, timeout_s: float) -> bool:
        """Wait until it has ended; False when it has not."""
        return await self._end(0, timeout_s)

    async def _end(self, number: int, timeout_s: float) -> bool:
        try:
            descriptor = os.pidfd_open(self.pid)
        except ProcessLookupError:
            return True
        try:
            # Checked after the descriptor is open: from here on the number cannot change its meaning.
            if self.boot != boot_id() or _start_time(self.pid, is_zombie_welcome=True) != self.start:
                return True
            signal.pidfd_send_signal(descriptor, number)
            return await _has_ended(descriptor, timeout_s)
        except ProcessLookupError:
            return True
        finally:
            os.close(descriptor)


async def _has_ended(descriptor: int, timeout_s: float) -> bool:
    """Unlike its state, a process's descriptor tells when its last thread, and all that it was init for, has ended."""
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    for _ in range(max(int(timeout_s / STEP_S), 1)):
        if poll.poll(0):
            return True
        await asyncio.sleep(STEP_S)
    return False


def find_marked(name: str, value: str) -> list[HostProcess]:
    """Every living process that carries an environment variable; for sandboxes without a pid namespace of their own."""
    wanted = f"{name}={value}".encode()
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                is_marked = wanted in (folder / "environ").read_bytes().split(b"\0")
            except OSError:
                continue
            process = HostProcess.of(int(folder.name)) if is_marked else None
            if process is not None:
                found.append(process)
    return found


@cache
def boot_id() -> str:
    """This boot of the machine."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def _start_time(pid: int, *, is_zombie_welcome: bool = False) -> int | None:
    try:
        fields = Path(f"/proc/{pid}/stat").read_bytes().rsplit(b")", 1)[1].split()
    except (OSError, IndexError):
        return None
    is_dead = fields[0] in (b"Z", b"X") and not is_zombie_welcome
    return None if is_dead else int(fields[19])

"""When the kernel of this machine killed processes for want of memory, as far as its own count tells."""

from __future__ import annotations

import time
from collections import deque
from pathlib import Path

KEPT_S = 600.0


class OomWatch:
    """Looks at the kernel's count from time to time. It counts for the whole machine: evidence, not proof."""

    def __init__(self, vmstat: Path = Path("/proc/vmstat")) -> None:
        self._vmstat = vmstat
        self._looks: deque[tuple[float, int]] = deque()
        self.look()

    def look(self) -> None:
        """Remember the count as it is now."""
        if (found := self._count()) is None:
            return
        now = time.monotonic()
        self._looks.append((now, found))
        while self._looks[0][0] < now - KEPT_S:
            self._looks.popleft()

    def has_killed(self, within_s: float) -> bool:
        """Whether somebody was killed since the last look before that time, or since the first one."""
        self.look()
        if not self._looks:
            return False
        since = time.monotonic() - within_s
        before = [count for at, count in self._looks if at <= since] or [self._looks[0][1]]
        return self._looks[-1][1] > before[-1]

    def _count(self) -> int | None:
        try:
            lines = self._vmstat.read_bytes().splitlines()
        except OSError:
            return None
        return next((int(line.split()[1]) for line in lines if line.startswith(b"oom_kill ")), None)


watch = OomWatch()

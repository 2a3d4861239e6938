"""When the kernel killed processes for want of memory, as far as its own count tells."""

from __future__ import annotations

import time
from typing import List, Optional, Tuple

VMSTAT = "/proc/vmstat"
KEPT = 720  # looks; an hour of them


class OomWatch:
    """Looks at the kernel's count from time to time. It counts for the whole machine: evidence, not proof."""

    def __init__(self) -> None:
        self._count = count()
        self._looked_at = time.time()
        self._rises: List[Tuple[float, float]] = []

    def look(self) -> None:
        """Note whether somebody was killed since the last look."""
        now, found = time.time(), count()
        if found is not None and self._count is not None and found > self._count:
            self._rises = [*self._rises[-KEPT:], (self._looked_at, now)]
        self._count, self._looked_at = found, now

    def has_killed_at(self, moment: float, slack_s: float = 2.0) -> bool:
        """Whether somebody was killed around a moment."""
        self.look()
        return any(since - slack_s <= moment <= until + slack_s for since, until in self._rises)


def count() -> Optional[int]:
    """Processes that the kernel has killed for want of memory since the machine started; None where it does not say."""
    try:
        with open(VMSTAT, "rb") as file:
            for line in file:
                if line.startswith(b"oom_kill "):
                    return int(line.split()[1])
    except (OSError, ValueError):
        return None
    return None

"""What keeps one local sandbox from taking all of the machine, as far as the kernel lets a plain user set it."""

from __future__ import annotations

import os
import re

MAX_PROCESSES = 4096  # threads count, too
COUNTS_BY_NAMESPACE = (5, 14)  # the first Linux that counts the processes of each user namespace apart


def bounds_processes() -> bool:
    """Whether a limit of processes holds for each sandbox by itself.

    Older kernels count all of a user's together, and root's are never counted.
    """
    found = re.match(r"(\d+)\.(\d+)", os.uname().release)
    return os.geteuid() != 0 and found is not None and (int(found[1]), int(found[2])) >= COUNTS_BY_NAMESPACE


def in_force(*, is_confined: bool) -> tuple[str, ...]:
    """The names of what is bounded. Memory is not: that needs a control group of our own."""
    return ("file size", "open files", *(("processes",) if is_confined and bounds_processes() else ()))

"""What this machine is, for the head of the table."""

from __future__ import annotations

import os
import platform
import subprocess
from pathlib import Path


def describe() -> str:
    """Cores, memory, kernel, and the load that others made when the run began."""
    load = os.getloadavg()[0]
    git = subprocess.run(["git", "version"], capture_output=True, text=True, check=True).stdout.split()[2]
    return (
        f"{os.cpu_count()} cores ({_processor()}), {_memory_gib():.0f} GiB memory, {platform.system()} "
        f"{platform.release()}, Python {platform.python_version()}, git {git}; load average at the start {load:.1f}"
    )


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _memory_gib() -> float:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30

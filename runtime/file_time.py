"""The time of a file system, by which alone the age of its files can be told: its clock need not be ours."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


def file_time(folder: Path) -> float:
    """What time it is where the folder is kept, in seconds since 1970. Raises: OSError."""
    with tempfile.TemporaryFile(dir=folder) as probe:
        return os.fstat(probe.fileno()).st_mtime

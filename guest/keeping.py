"""What is known of agent runs, where the state folder does not outlive the sandbox: put away at its end, brought back.

Only plain files are carried: locks, FIFOs and the like belong to processes that have ended.
"""

from __future__ import annotations

import os
import shutil
import stat

SKIPPED = ("lock", "bell")


def bring_back(kept: str, state: str) -> None:
    """Runs that an earlier sandbox put away; nothing when it put nothing away, or left in a hurry."""
    runs = os.path.join(state, "runs")
    if os.path.isdir(os.path.join(kept, "runs")) and not os.listdir(runs):
        _copy(os.path.join(kept, "runs"), runs)


def put_away(state: str, kept: str) -> None:
    """Replace what was put away before. A disk without room, or a folder that has gone, leaves the earlier copy."""
    fresh, place = os.path.join(kept, "runs.new"), os.path.join(kept, "runs")
    try:
        shutil.rmtree(fresh, ignore_errors=True)
        _copy(os.path.join(state, "runs"), fresh)
        shutil.rmtree(place, ignore_errors=True)
        os.rename(fresh, place)
    except OSError:
        shutil.rmtree(fresh, ignore_errors=True)


def _copy(source: str, target: str) -> None:
    os.makedirs(target, mode=0o700, exist_ok=True)
    for entry in os.scandir(source):
        if entry.is_dir(follow_symlinks=False):
            _copy(entry.path, os.path.join(target, entry.name))
        elif entry.name not in SKIPPED and stat.S_ISREG(entry.stat(follow_symlinks=False).st_mode):
            shutil.copyfile(entry.path, os.path.join(target, entry.name))

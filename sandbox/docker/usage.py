"""How much an agent's files take on this machine's disk, counted without following or opening any of them.

It is a program of its own (`python usage.py FOLDER`), so that a server that counts a million files serves meanwhile,
and that it can be given up. Only folders are entered, each by its parent's descriptor and never through a link.
"""

from __future__ import annotations

import asyncio
import json
import os
import stat
import sys
from dataclasses import dataclass
from pathlib import Path

MOST_FILES = 2_000_000
DEEPEST = 400  # each level costs two descriptors
TIMEOUT_S = 20.0
BLOCK = 512  # bytes of what `st_blocks` counts
NICE = 10


@dataclass(frozen=True)
class Usage:
    """What is there; `is_whole` when all of it could be counted."""

    size_bytes: int
    files: int
    is_whole: bool


async def of(folder: Path) -> Usage | None:
    """What lies in a folder; None when it took too long to tell, or the folder went away."""
    counter = await asyncio.create_subprocess_exec(
        *(sys.executable, "-I", "-S", __file__, str(folder)),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(TIMEOUT_S):
            said, _ = await counter.communicate()
    except TimeoutError:
        return None
    finally:
        if counter.returncode is None:
            counter.kill()
            await counter.wait()
    return Usage(*json.loads(said)) if counter.returncode == 0 else None


class _Count:
    """One walk; a file with several names counts once."""

    def __init__(self) -> None:
        self.blocks = self.files = 0
        self.is_whole = True
        self._known: set[tuple[int, int]] = set()

    def folder(self, descriptor: int, depth: int = 0) -> None:
        with os.scandir(descriptor) as entries:
            for entry in entries:
                if self.files >= MOST_FILES:
                    self.is_whole = False
                    return
                try:
                    found = entry.stat(follow_symlinks=False)
                    self._add(found)
                    if stat.S_ISDIR(found.st_mode):
                        self._below(descriptor, entry.name, depth)
                except (FileNotFoundError, NotADirectoryError):
                    continue  # it went meanwhile, or became something else
                except OSError:
                    self.is_whole = False  # a folder that is shut, for a server that is not root

    def _add(self, found: os.stat_result) -> None:
        self.files += 1
        if found.st_nlink > 1 and not stat.S_ISDIR(found.st_mode):
            if (its := (found.st_dev, found.st_ino)) in self._known:
                return
            self._known.add(its)
        self.blocks += found.st_blocks

    def _below(self, parent: int, name: str, depth: int) -> None:
        if depth >= DEEPEST:
            self.is_whole = False
            return
        descriptor = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=parent)
        try:
            self.folder(descriptor, depth + 1)
        finally:
            os.close(descriptor)


def main(folder: str) -> None:
    os.nice(NICE)
    sys.setrecursionlimit(5 * DEEPEST)
    count = _Count()
    top = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    count.folder(top)
    sys.stdout.write(json.dumps([count.blocks * BLOCK, count.files, count.is_whole]))


if __name__ == "__main__":
    main(sys.argv[1])

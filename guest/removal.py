"""Removing a folder whatever an agent made of it: odd names, no permissions, any depth; links are never followed."""

from __future__ import annotations

import os
import stat
import uuid
from typing import List


def remove_tree(path: str) -> None:
    """Remove a folder and all in it.

    Sub-folders are first moved next to one another, so that neither depth nor length of paths matters.
    """
    try:
        found = os.lstat(path)
    except FileNotFoundError:
        return
    if not stat.S_ISDIR(found.st_mode):
        os.unlink(path)
        return
    os.chmod(path, 0o700)
    top = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        queue = _empty_into(top, b".", top)
        while queue:
            name = queue.pop()
            queue += _empty_into(top, name, top)
            os.rmdir(name, dir_fd=top)
    finally:
        os.close(top)
    os.rmdir(path)


def _empty_into(parent: int, name: bytes, top: int) -> List[bytes]:
    """Delete the files of a folder, move its folders to the top; give their new names."""
    folder = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=parent)
    try:
        moved = []
        for entry in [os.fsencode(entry) for entry in os.listdir(folder)]:
            if stat.S_ISDIR(os.lstat(entry, dir_fd=folder).st_mode):
                os.chmod(entry, 0o700, dir_fd=folder)
                moved.append(b"removed-" + uuid.uuid4().hex.encode("ascii"))
                os.rename(entry, moved[-1], src_dir_fd=folder, dst_dir_fd=top)
            else:
                os.unlink(entry, dir_fd=folder)
        return moved
    finally:
        os.close(folder)

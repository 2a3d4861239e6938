"""Room on the sandbox's disk: how much there is, and a reserve for the few small files that must never fail."""

from __future__ import annotations

import errno
import os
from typing import Any, Dict

from guest.conversation import Call

RESERVE_BYTES = 256 * 1024
PLENTY_BYTES = 64 * 1024 * 1024  # before this much is free no reserve is taken away from the agent
FULL_BYTES = 512 * 1024  # less than this counts as nothing; more than the reserve
FULL = (errno.ENOSPC, errno.EDQUOT)


def room(call: Call) -> Dict[str, Any]:
    """Bytes that are free for the work tree, and whether the disk counts as full."""
    places = call.daemon.places
    return {"free_bytes": free_bytes(places.work), "is_full": is_full(places.work) or is_full(places.state)}


def free_bytes(folder: str) -> int:
    found = os.statvfs(folder)
    return found.f_bavail * found.f_frsize


def is_full(folder: str) -> bool:
    """Whether a small file would find no place: neither bytes nor, where they are counted, names."""
    try:
        found = os.statvfs(folder)
    except OSError:
        return False
    return found.f_bavail * found.f_frsize < FULL_BYTES or (found.f_files > 0 and found.f_favail == 0)


def keep_reserve(state: str) -> None:
    """Set some bytes aside for exit codes and messages, while there is plenty."""
    path = _reserve(state)
    try:
        if os.path.lexists(path) or free_bytes(state) < PLENTY_BYTES:
            return
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        try:
            os.posix_fallocate(fd, 0, RESERVE_BYTES)
        finally:
            os.close(fd)
    except OSError:
        return


def release_reserve(state: str) -> bool:
    """Give the reserve back to the disk; False when it was used up before."""
    try:
        os.unlink(_reserve(state))
    except OSError:
        return False
    return True


def _reserve(state: str) -> str:
    return os.path.join(state, "reserve")

"""The folder of one agent run, as the guest and the holder both see it.

lock        held (flock) by the holder as long as it lives
pid         {"pid", "start"} of the agent; there from its start on
exit        {"exit_code", "signal", "at"}; there when it has ended
out.jsonl   the spool: the agent's stdout, appended by the agent itself
err.log, err.prev   its stderr, the newest 64 to 128 KiB
bell        FIFO: one byte wakes the holder
inbox/      lines to deliver: <number>-<id>, whole or not there at all
done/       ids of delivered lines
killed      there when the platform sent a KILL
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from typing import Any, Dict, Optional

from guest import disk

SPOOL = "out.jsonl"


def write_whole(folder: str, name: str, data: bytes) -> None:
    """Make a file appear with all of its content or not at all; a full disk is helped by the reserve."""
    try:
        _write_whole(folder, name, data)
    except OSError as error:
        if error.errno not in disk.FULL or not disk.release_reserve(os.path.dirname(os.path.dirname(folder))):
            raise
        _write_whole(folder, name, data)


def _write_whole(folder: str, name: str, data: bytes) -> None:
    path = os.path.join(folder, name)
    temporary = os.path.join(os.path.dirname(path), ".%s.tmp" % os.path.basename(name))
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_NONBLOCK, 0o600)
    try:
        with open(fd, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.rename(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise


def read_json(folder: str, name: str) -> Optional[Dict[str, Any]]:
    """A small JSON file of the run, or None when it is not there (or not ours any more)."""
    try:
        fd = os.open(os.path.join(folder, name), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with open(fd, "rb") as file:
            value = json.loads(file.read(65536).decode("utf-8"))
    except (OSError, ValueError):
        return None
    return value if isinstance(value, dict) else None


def try_lock(folder: str) -> Optional[int]:
    """The lock's descriptor, or None when the holder lives."""
    fd = os.open(os.path.join(folder, "lock"), os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(fd)
        return None
    return fd


def is_held(folder: str) -> bool:
    """Whether the holder of this run lives."""
    try:
        fd = try_lock(folder)
    except OSError:
        return False
    if fd is None:
        return True
    os.close(fd)
    return False

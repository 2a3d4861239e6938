"""Waiting for a file to grow: inotify through libc where there is one, else polling that slows down."""

from __future__ import annotations

import os
import select
from typing import Optional

IN_MODIFY = 0x2
IN_CREATE = 0x100
IN_MOVED_TO = 0x80
IN_NONBLOCK = 0o4000
IN_CLOEXEC = 0o2000000

FAST_S = 0.015
SLOW_S = 0.1
CHECK_S = 2.0


class Watch:
    """Wakes when something in a folder changes, or when the given descriptor (the client) has something."""

    def __init__(self, folder: str) -> None:
        self._fd = _inotify(folder)
        self._pause_s = FAST_S

    def wait(self, client: int) -> None:
        """Return on a change, on the client's word, or after a while, whichever is first."""
        poll = select.poll()
        poll.register(client, select.POLLIN)
        if self._fd is None:
            poll.poll(self._pause_s * 1000)
            self._pause_s = min(self._pause_s * 1.5, SLOW_S)
            return
        poll.register(self._fd, select.POLLIN)
        if any(fd == self._fd for fd, _ in poll.poll(CHECK_S * 1000)):
            try:
                os.read(self._fd, 65536)
            except BlockingIOError:
                return

    def grew(self) -> None:
        """Something new was found: look often again."""
        self._pause_s = FAST_S

    def close(self) -> None:
        if self._fd is not None:
            os.close(self._fd)


def _inotify(folder: str) -> Optional[int]:
    try:
        import ctypes

        libc = ctypes.CDLL(None, use_errno=True)
        fd = libc.inotify_init1(IN_NONBLOCK | IN_CLOEXEC)
    except (ImportError, OSError, AttributeError):
        return None
    if fd < 0:
        return None
    if libc.inotify_add_watch(fd, os.fsencode(folder), IN_MODIFY | IN_CREATE | IN_MOVED_TO) < 0:
        os.close(fd)
        return None
    return int(fd)

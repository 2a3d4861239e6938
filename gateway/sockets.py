"""Where the gateway's unix socket is: in a folder of its own, which is what sandboxes get mounted."""

from __future__ import annotations

import hashlib
import os
import stat
import tempfile
from pathlib import Path

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

SOCKET_NAME = "api.sock"

_PATH_MAX_BYTES = 100  # the kernel takes 107; some systems less
_MODE = 0o711  # others may reach the socket by its name, and list nothing


def socket_dir() -> Path:
    """The folder of the socket, made when it is not there.

    Raises: ImproperlyConfigured (the short-path fallback exists and is not a folder of ours).
    """
    wanted = (Path(settings.DATA_DIR) / "run" / "gateway").absolute()
    if len(os.fsencode(wanted / SOCKET_NAME)) <= _PATH_MAX_BYTES:
        wanted.mkdir(parents=True, exist_ok=True)
        wanted.chmod(_MODE)
        return wanted
    return _short_dir(wanted)


def socket_path() -> Path:
    """The socket itself."""
    return socket_dir() / SOCKET_NAME


def _short_dir(wanted: Path) -> Path:
    """A folder below the temporary one, named by what it stands for; anyone could have made it first, so look."""
    name = hashlib.sha256(os.fsencode(wanted)).hexdigest()[:12]
    short = Path(tempfile.gettempdir()) / f"slipway-{os.getuid()}-{name}"
    short.mkdir(mode=_MODE, exist_ok=True)
    found = short.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
        raise ImproperlyConfigured(
            f"{short} is not a folder of this user; remove it or choose a shorter SLIPWAY_DATA_DIR."
        )
    short.chmod(_MODE)
    return short

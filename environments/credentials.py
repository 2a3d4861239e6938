"""The folders in which an environment keeps the configuration of its agents: settings, skills, sign-ins of tools.

They are made and removed with the environment; the operator fills them. Nobody else on the server reaches them (0700),
and agents see them, read-only, only where the environment says so: whatever an agent runs can read them then.
"""

from __future__ import annotations

import os
import stat
import uuid
from pathlib import Path

from django.conf import settings

from environments.models import Environment
from sandbox.folders import remove_tree
from sandbox.spec import Mount

SHOWN = "/run/slipway/credentials"  # inside
PARTS = ("claude", "config/claude")


def relative(environment_id: uuid.UUID) -> str:
    """Where the folders are, below the data folder."""
    return f"environments/{environment_id}"


def folder(environment_id: uuid.UUID) -> Path:
    """Where the folders are."""
    return Path(settings.DATA_DIR) / relative(environment_id)


def make(environment_id: uuid.UUID) -> Path:
    """Make the folders, unless they are there."""
    root = folder(environment_id)
    root.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    for path in (root, *(root / name for name in ("claude", "config", "config/claude"))):
        path.mkdir(mode=0o700, exist_ok=True)
    return root


def remove(environment_id: uuid.UUID) -> None:
    """Remove all that the environment keeps on disk; harmless when there is nothing."""
    remove_tree(folder(environment_id))


def is_shown(environment: Environment) -> bool:
    """Whether agents see the folders."""
    return bool(environment.config.get("mount_credentials")) and settings.TENANCY == "single"


def mounts(environment: Environment) -> tuple[Mount, ...]:
    """What a sandbox of this environment is shown of them: nothing, unless the environment says so."""
    if not is_shown(environment):
        return ()
    root = make(environment.pk)
    for part in PARTS:
        _open(root / part)
    return tuple(Mount(root / part, f"{SHOWN}/{part}") for part in PARTS)


def _open(folder: Path) -> None:
    """Let whoever is shown the folder read it: inside that may be another user than the server's. The folder above
    stays closed, so nobody else on this machine gets there; links are not followed."""
    for _, _, files, here in os.fwalk(folder):
        os.fchmod(here, _mode(os.fstat(here)) | 0o555)
        for name in files:
            found = os.stat(name, dir_fd=here, follow_symlinks=False)
            if stat.S_ISREG(found.st_mode):
                os.chmod(name, _mode(found) | 0o444, dir_fd=here)


def _mode(found: os.stat_result) -> int:
    return stat.S_IMODE(found.st_mode)

"""The folders in which an environment keeps an agent's own credentials.

They are made and removed with the environment, and belong to the server alone (0700). Agents see them, read-only, only
where the environment says so: whatever an agent runs can read them then.
"""

from __future__ import annotations

import os
import uuid
from pathlib import Path

from django.conf import settings

from environments.models import Environment
from sandbox.folders import remove_tree
from sandbox.spec import Mount

PARTS = {"claude": "/run/slipway/credentials/claude", "config/claude": "/run/slipway/credentials/config/claude"}
FILE = "claude/.credentials.json"


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
    for part in (root, *(root / name for name in ("claude", "config", "config/claude"))):
        part.mkdir(mode=0o700, exist_ok=True)
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
    return tuple(Mount(root / part, target) for part, target in PARTS.items())


def store(environment_id: uuid.UUID, text: str) -> None:
    """Keep an agent's credential, in place of an earlier one, in one step."""
    path = make(environment_id) / FILE
    draft = path.with_name(f"{path.name}.{uuid.uuid4().hex}")
    file = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        os.write(file, text.encode())
        os.fsync(file)
    finally:
        os.close(file)
    draft.replace(path)


def forget(environment_id: uuid.UUID) -> None:
    """Remove the credential; harmless when there is none."""
    (folder(environment_id) / FILE).unlink(missing_ok=True)


def stored_at(environment_id: uuid.UUID) -> float | None:
    """When a credential was stored, in seconds since 1970; None when there is none."""
    try:
        return (folder(environment_id) / FILE).stat().st_mtime
    except FileNotFoundError:
        return None

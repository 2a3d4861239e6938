"""Environment row -> the sandbox's own typed spec."""

from __future__ import annotations

import uuid
from pathlib import Path

from django.conf import settings

from environments.models import Environment, EnvironmentKind, Machine
from sandbox.spec import LocalSpec, Mount


def session_folder(session_id: uuid.UUID) -> Path:
    """Where a local session's home and working tree live; it outlives the machines that use it."""
    return sandboxes_root() / str(session_id)


def sandboxes_root() -> Path:
    """The folder of all local sessions' folders."""
    return Path(settings.DATA_DIR) / "sandboxes"


def orphan_spec(folder: Path) -> LocalSpec:
    """What finds and ends whatever runs in a session's folder that no machine speaks of; nothing is started from it."""
    return LocalSpec(
        machine_id="orphan", root=folder, mounts=(), gateway_dir=None, lifetime_s=settings.SANDBOX_LIFETIME_S
    )


def spec_for(
    environment: Environment, machine: Machine, *, session_id: uuid.UUID, mounts: tuple[Mount, ...], gateway_dir: Path
) -> LocalSpec:
    """What to hand to `sandbox.open_sandbox` and `attach_sandbox` for this machine."""
    if environment.kind != EnvironmentKind.HOST:
        raise ValueError(f"no backend for {environment.kind}")
    root = session_folder(session_id)
    root.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    return LocalSpec(
        machine_id=str(machine.id),
        root=root,
        mounts=mounts,
        gateway_dir=gateway_dir,
        lifetime_s=settings.SANDBOX_LIFETIME_S,
        allow_unconfined=settings.ALLOW_UNCONFINED,
    )

"""Environment row -> the sandbox's own typed spec."""

from __future__ import annotations

import uuid
from pathlib import Path

from django.conf import settings

from environments.models import Environment, EnvironmentKind, Machine
from sandbox.spec import LocalSpec, Mount


def session_folder(session_id: uuid.UUID) -> Path:
    """Where a local session's home and working tree live; it outlives the machines that use it."""
    return Path(settings.DATA_DIR) / "sandboxes" / str(session_id)


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

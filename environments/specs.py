"""Environment row -> the sandbox's own typed spec."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from django.conf import settings

from environments.models import Environment, EnvironmentKind, Machine
from sandbox.spec import AnySpec, LocalSpec, Mount


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


@dataclass(frozen=True)
class Wanted:
    """What every kind of sandbox is asked for; each takes of it what it can give.

    `mounts` are shown where the kind can mount. `gateway_dir` holds the gateway's `api.sock`.
    """

    environment: Environment
    machine: Machine
    session_id: uuid.UUID
    mounts: tuple[Mount, ...]
    gateway_dir: Path


def spec_for(wanted: Wanted) -> AnySpec:
    """What to hand to `sandbox.open_sandbox` and `attach_sandbox` for this machine."""
    return BUILDERS[EnvironmentKind(wanted.environment.kind)](wanted)


def _host(wanted: Wanted) -> LocalSpec:
    root = session_folder(wanted.session_id)
    root.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    return LocalSpec(
        machine_id=str(wanted.machine.id),
        root=root,
        mounts=wanted.mounts,
        gateway_dir=wanted.gateway_dir,
        lifetime_s=settings.SANDBOX_LIFETIME_S,
        allow_unconfined=settings.ALLOW_UNCONFINED,
    )


BUILDERS: Mapping[EnvironmentKind, Callable[[Wanted], AnySpec]] = MappingProxyType({EnvironmentKind.HOST: _host})

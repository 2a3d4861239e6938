"""Places where agents work, behind one contract: open or attach a sandbox, talk to the guest inside, stop it."""

from __future__ import annotations

from typing import Any

from sandbox.answers import Paths
from sandbox.base import Capabilities, Phase, Sandbox
from sandbox.client import GuestClient
from sandbox.registry import backend_of
from sandbox.spec import AnySpec, DockerSpec, LocalSpec, ModalSpec, Mount

__all__ = [
    "AnySpec",
    "Capabilities",
    "DockerSpec",
    "GuestClient",
    "LocalSpec",
    "ModalSpec",
    "Mount",
    "Paths",
    "Phase",
    "Sandbox",
    "attach_sandbox",
    "find_sandbox",
    "open_sandbox",
    "running_sandboxes",
]


async def open_sandbox(spec: AnySpec) -> Sandbox:
    """Make a sandbox and return when its guest answers.

    Repeatable: a sandbox of the same spec that still runs is returned instead of making a second one, and one that has
    stopped is started again on its files. On failure nothing is left running.

    Raises: BackendUnavailable (with a hint), SandboxRefused (a mount or path that is never given), SandboxError.
    """
    return await backend_of(spec).open(spec)


async def attach_sandbox(spec: AnySpec, handle: dict[str, Any]) -> Sandbox:
    """Find a sandbox again by its handle; ask `poll` whether it still runs.

    Raises: SandboxRefused when the handle is not one of this spec.
    """
    return backend_of(spec).attach(spec, handle)


async def find_sandbox(spec: AnySpec) -> Sandbox | None:
    """A sandbox of this spec that runs although nobody kept its handle, as after a crash in the middle of its start."""
    return await backend_of(spec).find(spec)


async def running_sandboxes(spec: AnySpec) -> dict[str, Sandbox]:
    """All sandboxes of this deployment that run at the place which the spec names, by their machine's id.

    Raises: SandboxError (the place cannot be asked).
    """
    return await backend_of(spec).running(spec)

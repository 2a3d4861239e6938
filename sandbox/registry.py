"""Kind of sandbox to the class that makes it, imported on first use."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from types import MappingProxyType
from typing import Any, Protocol

from sandbox.base import Sandbox
from sandbox.errors import BackendUnavailable, SandboxRefused
from sandbox.spec import AnySpec


class Backend(Protocol):
    """What a module in `sandbox/backends/` offers."""

    async def open(self, spec: Any) -> Sandbox:
        """Make the sandbox, or find the one that this spec made before and that still runs."""
        ...

    async def find(self, spec: Any) -> Sandbox | None:
        """The one that this spec made and that still runs, when nobody has its handle."""
        ...

    async def running(self, spec: Any) -> dict[str, Sandbox]:
        """The sandboxes of the spec's deployment that run at the place which the spec names, by their machine's id.

        Raises: SandboxError (the place cannot be asked).
        """
        ...

    def attach(self, spec: Any, handle: dict[str, Any]) -> Sandbox:
        """Find it by its handle; does no I/O, so a dead one is found too and says so in `poll`."""
        ...


@dataclass(frozen=True)
class Entry:
    """Where a backend is, and what to install when its import fails."""

    module: str
    hint: str


BACKENDS = MappingProxyType(
    {
        "local": Entry("sandbox.backends.local", "Nothing needs to be installed."),
        "docker": Entry("sandbox.backends.docker", "Install aiodocker (`pip install aiodocker`)."),
        "ssh": Entry("sandbox.backends.ssh", "Install asyncssh."),
        "modal": Entry("sandbox.backends.modal", "Install the package `modal` (requirements/base.txt)."),
    }
)


def backend_of(spec: AnySpec) -> Backend:
    """The backend module for a spec."""
    entry = BACKENDS.get(spec.kind)
    if entry is None:
        raise SandboxRefused(f"There is no kind of sandbox called {spec.kind}.")
    try:
        module: Any = import_module(entry.module)
    except ImportError as error:
        raise BackendUnavailable(f"The {spec.kind} sandbox cannot be used here: {error}.", hint=entry.hint) from error
    backend: Backend = module.backend
    return backend

"""How well sandboxes must be kept apart: where several tenants share a server, nothing that shares its kernel is used.

A setting that asks for something else is told when the server starts; rows that do are told when they are used.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.conf import settings

from environments.errors import KindNotAvailable
from environments.models import EnvironmentKind

RUNTIMES = ("runc", "runsc")
NO_NETWORK = "none"
SHARE_THE_KERNEL = frozenset({"runc"})  # of the runtimes; a container of these is as far away as its kernel's next hole


@dataclass(frozen=True)
class Refusal:
    """A setting that the tenancy does not allow, and what to do about it."""

    variable: str
    message: str
    mend: str


def is_shared() -> bool:
    """Whether people who do not trust one another use this server."""
    return bool(settings.TENANCY == "multi")


def runtimes() -> list[str]:
    """The container runtimes that environments may use."""
    allowed = [name for name in RUNTIMES if not (is_shared() and name in SHARE_THE_KERNEL)]
    return [name for name in settings.DOCKER_RUNTIMES or allowed if name in allowed]


def refusals() -> list[Refusal]:
    """What the settings ask for although the tenancy forbids it, or what they ask for that there is not."""
    found = []
    unknown = sorted(set(settings.DOCKER_RUNTIMES) - set(RUNTIMES))
    if unknown:
        message = f"SLIPWAY_DOCKER_RUNTIMES names {', '.join(unknown)}, which is no runtime of ours."
        found.append(Refusal("SLIPWAY_DOCKER_RUNTIMES", message, "Use runc, runsc, or both."))
    if not is_shared():
        return found
    if settings.ALLOW_UNCONFINED:
        message = "SLIPWAY_TENANCY=multi refuses agents that run as the server's own user."
        found.append(Refusal("SLIPWAY_ALLOW_UNCONFINED", message, "Unset SLIPWAY_ALLOW_UNCONFINED."))
    if SHARE_THE_KERNEL & set(settings.DOCKER_RUNTIMES):
        message = "SLIPWAY_TENANCY=multi refuses containers by plain runc, which share the server's kernel."
        found.append(Refusal("SLIPWAY_DOCKER_RUNTIMES", message, "Set SLIPWAY_DOCKER_RUNTIMES=runsc, or unset it."))
    if settings.SSH_AGENT:
        message = "SLIPWAY_TENANCY=multi refuses to lend the operator's SSH agent to agents of everybody."
        found.append(Refusal("SLIPWAY_SSH_AGENT", message, "Unset SLIPWAY_SSH_AGENT."))
    if settings.DOCKER_BUILDS:
        message = "SLIPWAY_TENANCY=multi refuses image builds by the Docker engine, which build with its rights."
        found.append(Refusal("SLIPWAY_DOCKER_BUILDS", message, "Unset SLIPWAY_DOCKER_BUILDS; build images elsewhere."))
    return found


def lent_agent() -> Path | None:
    """The socket of the operator's SSH agent, where it may be lent."""
    return Path(settings.SSH_AGENT) if settings.SSH_AGENT and not is_shared() else None


def require_isolated(kind: str, config: Mapping[str, Any]) -> None:
    """Raises: KindNotAvailable (an environment that this deployment's tenancy or operator does not allow)."""
    if is_shared() and kind == EnvironmentKind.HOST:
        raise KindNotAvailable.field("kind", "This server does not run sessions on its own machine.")
    runtime = config.get("runtime")
    if runtime is not None and runtime not in runtimes():
        message = f"This server does not run containers with {runtime}, only with {' or '.join(runtimes()) or 'none'}."
        raise KindNotAvailable.field("config.runtime", message)
    network = config.get("network", NO_NETWORK)
    if network != NO_NETWORK and network not in settings.DOCKER_NETWORKS:
        message = "The operator of this server allows no such network; with none, agents reach the model gateway alone."
        raise KindNotAvailable.field("config.network", message)

"""What a probe answers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from environments.models import Environment


@dataclass(frozen=True)
class Status:
    """Whether sessions can start in an environment.

    `authenticated`: the place lets us in, and agents have a credential. `details` is for people who look closer: plain
    values by name, such as `image_exists`.
    """

    available: bool
    authenticated: bool = True
    error: str = ""
    details: dict[str, Any] = field(default_factory=dict)


Probe = Callable[[Environment], Awaitable[Status]]
"""Asks the place; never blocks the event loop; may raise SandboxError, OSError, or take too long."""

"""Who uses an environment: sessions and projects, which are known above this app only."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Literal, cast

from environments.models import Environment
from environments.signals import uses_asked


@dataclass(frozen=True)
class Use:
    """A session that runs or rests in the environment, or a project whose new sessions begin in it."""

    kind: Literal["session", "project"]
    id: uuid.UUID
    name: str
    is_running: bool = False


def uses_of(environment: Environment) -> list[Use]:
    """All of them, those that run first."""
    found: list[Use] = []
    for _, uses in uses_asked.send(sender=Environment, environment=environment):
        found.extend(cast("list[Use]", uses))
    return sorted(found, key=lambda use: (not use.is_running, use.kind, use.name))

"""What projects say when something happens below them."""

from __future__ import annotations

from typing import Any

from environments.models import Environment
from environments.uses import Use
from projects.models import Project


def on_uses_asked(sender: object, environment: Environment, **_: Any) -> list[Use]:
    """Projects whose new sessions begin in it."""
    rows = Project.objects.filter(default_environment=environment).order_by("pk")
    return [Use("project", row.pk, row.name) for row in rows]

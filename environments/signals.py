"""What happens to environments when something happens elsewhere."""

from __future__ import annotations

from typing import Any

from accounts.models import Organization
from environments import services


def on_organization_created(sender: object, organization: Organization, **_: Any) -> None:
    """Each organisation starts with a HOST environment; a `multi` deployment lists it, and refuses to use it."""
    services.create_default_environment(organization)

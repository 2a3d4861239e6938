"""What happens to environments when something happens elsewhere, and what they tell those above them."""

from __future__ import annotations

from typing import Any

from django.dispatch import Signal

from accounts.models import Organization

environment_deleted = Signal()
"""Sent within the deletion: `environment`, `now`. What runs in it ends, keeping its work."""

environment_changed = Signal()
"""Sent within the change of what its sandboxes are made of: `environment_id`."""

deployment_copied = Signal()
"""Sent when the database turns out to be a copy: `homes_here` (ids of the homes that came along), `now`."""

uses_asked = Signal()
"""Sent with `environment`; receivers give the list of `environments.uses.Use` that they know of."""


def on_organization_created(sender: object, organization: Organization, **_: Any) -> None:
    """Each organisation starts with a HOST environment; a `multi` deployment lists it, and refuses to use it."""
    from environments import services

    services.create_default_environment(organization)

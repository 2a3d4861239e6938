"""What must not be, checked before anything is served: settings that this deployment's tenancy forbids."""

from __future__ import annotations

from typing import Any

from django.core.checks import CheckMessage, Error, register

from environments import isolation


@register("slipway")
def check_isolation(**_: Any) -> list[CheckMessage]:
    """A server that several tenants share does not start with less between them than they need."""
    return [
        Error(refusal.message, hint=refusal.mend, id=f"slipway.{refusal.variable}") for refusal in isolation.refusals()
    ]

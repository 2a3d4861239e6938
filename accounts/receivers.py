"""What accounts do when something happens in Django itself."""

from __future__ import annotations

from typing import Any

from accounts import services
from accounts.models import User


def on_logged_in(sender: object, user: User, **_: Any) -> None:
    """Whoever signs in has a personal organisation; the first sign-in makes it."""
    services.ensure_personal_organization(user=user)

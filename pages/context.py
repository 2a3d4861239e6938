"""The frame around allauth's own pages, which stand among the settings."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest

from accounts.errors import NotFound, OrganizationSuspended
from accounts.models import User
from pages.frame import frame_of

MANAGE = {
    *("account_email", "account_change_password", "account_set_password", "usersessions_list"),
    *(
        "mfa_index",
        "mfa_activate_totp",
        "mfa_deactivate_totp",
        "mfa_view_recovery_codes",
        "mfa_generate_recovery_codes",
    ),
}


def settings_frame(request: HttpRequest) -> dict[str, Any]:
    """What `settings/base.html` needs, and its name; nothing for other pages, and for who is in no organisation."""
    page = request.resolver_match.url_name if request.resolver_match else None
    if page not in MANAGE or not isinstance(request.user, User):
        return {}
    try:
        return frame_of(request).context(manage_layout="settings/base.html", section="profile")  # type: ignore[arg-type]
    except (NotFound, OrganizationSuspended):
        return {}

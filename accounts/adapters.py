"""How allauth's pages behave here."""

from __future__ import annotations

from allauth.account.adapter import DefaultAccountAdapter
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext_lazy as _


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]
    """Sign-up by e-mail; after signing in or out only addresses of this very server follow."""

    error_messages = DefaultAccountAdapter.error_messages | {
        "email_password_mismatch": _("Wrong email address or password.")
    }

    def is_safe_url(self, url: str | None) -> bool:
        # allauth would take any port of an allowed host; we ever only need a path.
        return url_has_allowed_host_and_scheme(url, allowed_hosts=None)

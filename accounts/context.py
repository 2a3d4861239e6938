"""What account pages know besides what allauth gives them."""

from __future__ import annotations

from allauth.account.internal.flows.email_verification_by_code import EMAIL_VERIFICATION_CODE_SESSION_KEY
from allauth.account.internal.flows.password_reset_by_code import PASSWORD_RESET_VERIFICATION_SESSION_KEY
from django.conf import settings
from django.http import HttpRequest

KEYS = {
    "account_email_verification_sent": EMAIL_VERIFICATION_CODE_SESSION_KEY,
    "account_confirm_password_reset_code": PASSWORD_RESET_VERIFICATION_SESSION_KEY,
}


def debug_code(request: HttpRequest) -> dict[str, str]:
    """In developer mode, the code that was mailed, for the page that asks for it: `{{ debug_code }}`."""
    page = request.resolver_match.url_name if request.resolver_match else None
    if not settings.DEBUG or page not in KEYS:
        return {}
    return {"debug_code": (request.session.get(KEYS[page]) or {}).get("code", "")}

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


def mailed_code(request: HttpRequest) -> dict[str, str | int]:
    """For the pages that ask for a code: how long it is good for, and in developer mode the code itself."""
    page = request.resolver_match.url_name if request.resolver_match else None
    if page not in KEYS:
        return {}
    code = (request.session.get(KEYS[page]) or {}).get("code", "") if settings.DEBUG else ""
    return {"code_minutes": settings.ACCOUNT_EMAIL_VERIFICATION_BY_CODE_TIMEOUT // 60, "debug_code": code}

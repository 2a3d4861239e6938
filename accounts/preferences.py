"""What a person prefers, for a request: from their row, or before there is one from the browser's cookies."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import translation

from accounts.models import Preferences, Theme, User

THEME_COOKIE = "theme"
YEAR_S = 365 * 24 * 3600
LANGUAGES = dict(settings.LANGUAGES)
# What the scripts of a page are told.
SHOWN = (
    *("theme", "language", "wrap_code", "notifications", "notify_waiting", "notify_ended", "notify_failed"),
    *("has_sound", "is_tour_done"),
)


def of(request: HttpRequest, user: User | None) -> Preferences:
    """The person's own row, or an unsaved one with what the cookies say."""
    row = Preferences.objects.filter(user=user).first() if user else None
    return row or Preferences(user=user, theme=_theme(request), language=_language(request))


def language_for(request: HttpRequest, preferences: Preferences) -> str:
    """The one that is chosen, else the browser's; a cookie of an earlier choice does not count."""
    if preferences.language:
        return preferences.language
    kept = request.COOKIES.pop(settings.LANGUAGE_COOKIE_NAME, None)
    asked = translation.get_language_from_request(request)
    if kept is not None:
        request.COOKIES[settings.LANGUAGE_COOKIE_NAME] = kept  # so that it is seen and taken back
    return asked


def shown(preferences: Preferences) -> dict[str, Any]:
    return {name: getattr(preferences, name) for name in SHOWN}


def keep_cookies(request: HttpRequest, response: HttpResponse, preferences: Preferences) -> None:
    """What is chosen holds before the next sign-in too, and in what the API says."""
    theme = "" if preferences.theme == Theme.SYSTEM else preferences.theme.lower()
    for name, value in ((THEME_COOKIE, theme), (settings.LANGUAGE_COOKIE_NAME, preferences.language)):
        if value and request.COOKIES.get(name) != value:
            response.set_cookie(name, value, max_age=YEAR_S, secure=settings.IS_SECURE, samesite="Lax")
        elif not value and name in request.COOKIES:
            response.delete_cookie(name, samesite="Lax")


def _theme(request: HttpRequest) -> Theme:
    chosen = request.COOKIES.get(THEME_COOKIE, "").upper()
    return Theme(chosen) if chosen in Theme.values else Theme.SYSTEM


def _language(request: HttpRequest) -> str:
    chosen = request.COOKIES.get(settings.LANGUAGE_COOKIE_NAME, "")
    return chosen if chosen in LANGUAGES else ""

"""Puts who asks on each request, with the roles held per organisation, and how they like it."""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import translation
from django.utils.functional import SimpleLazyObject

from accounts import auth, preferences
from accounts.models import User


class ActorMiddleware:
    """Sets `request.actor` from the browser session, looked up on first use; the API's own auth replaces it.

    Touching it on an anonymous request raises Unauthenticated.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request.actor = SimpleLazyObject(lambda: auth.session_actor(request))  # type: ignore[attr-defined]
        return self.get_response(request)


class PreferencesMiddleware:
    """Sets `request.preferences` on pages, speaks the language that is chosen there, and keeps the cookies in step.

    The API is left to the cookies, through Django's own LocaleMiddleware: it would cost each call a query.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.path.startswith("/api/"):
            return self.get_response(request)
        chosen = preferences.of(request, request.user if isinstance(request.user, User) else None)
        request.preferences = chosen  # type: ignore[attr-defined]
        translation.activate(preferences.language_for(request, chosen))
        request.LANGUAGE_CODE = translation.get_language() or settings.LANGUAGE_CODE
        response = self.get_response(request)
        # A page that changed them has put the new row there.
        kept = request.preferences  # type: ignore[attr-defined]
        if kept.user_id is not None and not kept._state.adding:
            preferences.keep_cookies(request, response, kept)
        return response

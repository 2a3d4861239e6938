"""Puts the acting user, with the roles held per organisation, on each request."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.utils.functional import SimpleLazyObject

from accounts import auth


class ActorMiddleware:
    """Sets `request.actor` from the browser session, looked up on first use; the API's own auth replaces it.

    Touching it on an anonymous request raises Unauthenticated.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request.actor = SimpleLazyObject(lambda: auth.session_actor(request))  # type: ignore[attr-defined]
        return self.get_response(request)

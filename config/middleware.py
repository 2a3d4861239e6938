"""From the edge inwards: one request id for response and logs, and errors in the one form."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Callable
from typing import Any

import structlog
from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.core.signals import got_request_exception
from django.http import HttpRequest, HttpResponse
from uuid_utils.compat import uuid7

from accounts.errors import DomainError, Unauthenticated
from config.errors import DATABASE_AWAY, problem_for_status, problem_of, unavailable
from pages import errors as error_pages
from runtime import metrics, tracing
from sandbox.errors import SandboxError

log = structlog.get_logger(__name__)

ACCEPTED_ID = re.compile(r"[A-Za-z0-9_-]{8,64}")
METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}


def request_id_of(sent: str) -> str:
    """The id that the edge gave, if it is well-formed, else a new one."""
    return sent if ACCEPTED_ID.fullmatch(sent) else uuid7().hex


class RequestContextMiddleware:
    """Gives each request an id (a well-formed `X-Request-ID` is kept), binds it to the logs and sends it back."""

    sync_capable = True
    async_capable = False

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request_id = request_id_of(request.headers.get("X-Request-ID", ""))
        request.request_id = request_id  # type: ignore[attr-defined]
        # A thread serves many requests. Nothing is cleared at the end: Django logs refusals after this returns.
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=request_id)
        method, began = request.method if request.method in METHODS else "OTHER", time.monotonic()
        with tracing.span(f"{method}", parent=request.headers.get("traceparent", ""), request_id=request_id) as span:
            response = self.get_response(request)
            route = route_of(request)
            span.rename(f"{method} {route}")
            span.set(**{"http.request.method": method, "http.route": route})
            span.set(**{"http.response.status_code": response.status_code})
        metrics.REQUESTS.labels(method, route, f"{response.status_code // 100}xx").inc()
        metrics.REQUEST_SECONDS.labels(method, route).observe(time.monotonic() - began)
        response["X-Request-ID"] = request_id
        return response


def route_of(request: HttpRequest) -> str:
    """The route's template, never the address itself: those are without number."""
    match = request.resolver_match
    if match is not None:
        return f"/{match.route}"
    return f"{settings.STATIC_URL}*" if request.path.startswith(settings.STATIC_URL) else "unmatched"


class OutageMiddleware:
    """While the database is away every answer is 503 with Retry-After, wherever in the stack the query was."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response
        got_request_exception.connect(note_outage, dispatch_uid="config.outage")

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        return outage_answer(request) if getattr(request, "is_outage", False) else response


def note_outage(request: HttpRequest | None = None, **_: Any) -> None:
    """Django makes a 500 of what a middleware raises; remember what it was."""
    if request is not None and isinstance(sys.exception(), DATABASE_AWAY):
        request.is_outage = True  # type: ignore[attr-defined]


def outage_answer(request: HttpRequest) -> HttpResponse:
    """In the API's one form, or a page that needs no query."""
    metrics.OUTAGES.labels("database").inc()
    problem = unavailable()
    if request.path.startswith("/api/"):
        return problem.response(request)
    is_read = request.method == "GET"  # what was sent with a form would be lost by loading its page again
    again = {"Refresh": problem.headers["Retry-After"]} if is_read else {}
    told = error_pages.COMES_BACK if is_read else None
    return error_pages.respond(request, problem.status, told=told, headers={**problem.headers, **again})


class ApiFrameMiddleware:
    """Under `/api/`: nothing is cached, and errors from outside the API's own code come in the one form too."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if not request.path.startswith("/api/"):
            return response
        if response.status_code >= 400 and response.get("Content-Type") != "application/json":
            plain = response
            response = problem_for_status(plain.status_code).response(request)
            if "Allow" in plain:
                response["Allow"] = plain["Allow"]
        response.headers.setdefault("Cache-Control", "no-store")
        return response


class DomainErrorMiddleware:
    """A page whose view raises a domain error shows the error page of its status, never a traceback."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        if isinstance(error, Unauthenticated):
            return redirect_to_login(request.get_full_path())
        if isinstance(error, DATABASE_AWAY):
            log.warning("database_away", path=request.path, error=type(error).__name__)
            return outage_answer(request)
        if not isinstance(error, (DomainError, SandboxError)):
            return None
        problem = problem_of(error).told()
        if problem.status >= 500:
            log.error("page.failed", path=request.path, exc_info=error)
        told = error_pages.OF_ERRORS.get(type(error))
        message = "" if told else problem.message
        return error_pages.respond(request, problem.status, message, told, problem.headers)

"""From the edge inwards: one request id for response and logs, and errors in the one form."""

from __future__ import annotations

import re
from collections.abc import Callable

import structlog
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from uuid_utils.compat import uuid7

from accounts.errors import DomainError, Unauthenticated
from config.errors import problem_for_status, problem_of
from sandbox.errors import SandboxError

log = structlog.get_logger(__name__)

ACCEPTED_ID = re.compile(r"[A-Za-z0-9_-]{8,64}")


class RequestContextMiddleware:
    """Gives each request an id (a well-formed `X-Request-ID` is kept), binds it to the logs and sends it back."""

    sync_capable = True
    async_capable = False

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        sent = request.headers.get("X-Request-ID", "")
        request_id = sent if ACCEPTED_ID.fullmatch(sent) else uuid7().hex
        request.request_id = request_id  # type: ignore[attr-defined]
        # A thread serves many requests. Nothing is cleared at the end: Django logs refusals after this returns.
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=request_id)
        response = self.get_response(request)
        response["X-Request-ID"] = request_id
        return response


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
        if not isinstance(error, (DomainError, SandboxError)):
            return None
        problem = problem_of(error)
        if problem.status >= 500:
            log.error("page.failed", path=request.path, exc_info=error)
        names = [f"{problem.status}.html", "error.html"]
        body = render_to_string(names, {"problem": problem, "exception": problem.message}, request)
        return HttpResponse(body, status=problem.status, headers=problem.headers)

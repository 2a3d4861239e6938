"""The one API: a router per app, who may call it, and how its errors are told."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec

import structlog
from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from ninja import NinjaAPI
from ninja.errors import HttpError, ValidationError

from accounts.api import router as accounts_router
from accounts.auth import SessionAuth, TokenAuth
from config.errors import problem_of
from config.health import router as health_router
from config.parser import StrictParser
from sandbox.errors import SandboxError

log = structlog.get_logger(__name__)

api = NinjaAPI(
    title="Slipway",
    version=settings.VERSION,
    docs_url=None,
    parser=StrictParser(),
    auth=[TokenAuth(), SessionAuth()],
    urls_namespace="api",
)
api.add_router("", health_router)
api.add_router("", accounts_router)
for app in ("environments", "gateway", "projects", "sessions"):
    if find_spec(f"{app}.api") is not None:
        api.add_router("", import_module(f"{app}.api").router)


def tell_error(request: HttpRequest, error: Exception) -> HttpResponse:
    """Every exception in the one form; the log has the rest, under the same request id."""
    problem = problem_of(error)
    if problem.status >= 500:
        expected = isinstance(error, SandboxError)
        log.error("api.failed", path=request.path, exc_info=None if expected else error, error=type(error).__name__)
    return problem.response(request)


for kind in (Exception, Http404, HttpError, ValidationError):  # ninja has more specific handlers of its own
    api.add_exception_handler(kind, tell_error)

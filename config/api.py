"""The one API: a router per app, who may call it, and how its errors are told."""

from __future__ import annotations

import functools
from typing import Any

import structlog
from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from ninja import NinjaAPI
from ninja.errors import HttpError, ValidationError
from ninja.openapi.schema import OpenAPISchema

from accounts.api import router as accounts_router
from accounts.auth import SessionAuth, TokenAuth
from config.errors import DATABASE_AWAY, problem_of
from config.observability.health import router as health_router
from config.parser import StrictParser
from environments.api import router as environments_router
from gateway.api import router as gateway_router
from projects.api import router as projects_router
from runtime import metrics
from sandbox.errors import SandboxError
from sessions.api import router as sessions_router

log = structlog.get_logger(__name__)


class DescribedOnce(NinjaAPI):
    """To put the description together takes a quarter of a second, and anybody may ask for it at any time."""

    def get_openapi_schema(
        self, *, path_prefix: str | None = None, path_params: dict[str, Any] | None = None
    ) -> OpenAPISchema:
        if path_prefix is None:
            path_prefix = self.get_root_path(path_params or {})
        return self._described(path_prefix)

    @functools.cache  # noqa: B019 - there is one, for as long as the process lives
    def _described(self, path_prefix: str) -> OpenAPISchema:
        return super().get_openapi_schema(path_prefix=path_prefix)


api = DescribedOnce(
    title="Slipway",
    version=settings.VERSION,
    docs_url=None,
    parser=StrictParser(),
    auth=[TokenAuth(), SessionAuth()],
    urls_namespace="api",
)
api.add_router("", health_router)
api.add_router("", accounts_router)
api.add_router("", environments_router)
api.add_router("", gateway_router)
api.add_router("", projects_router)
api.add_router("", sessions_router)


def tell_error(request: HttpRequest, error: Any) -> HttpResponse:
    """Every exception in the one form; the log has the rest, under the same request id."""
    problem = problem_of(error)
    if isinstance(error, DATABASE_AWAY):
        metrics.OUTAGES.labels("database").inc()
        log.warning("database_away", path=request.path, error=type(error).__name__)
    elif problem.status >= 500:
        expected = isinstance(error, SandboxError)
        log.error("api.failed", path=request.path, exc_info=None if expected else error, error=type(error).__name__)
    if problem.status == 429:
        metrics.RATE_LIMITED.inc()
    return problem.response(request)


for kind in (Exception, Http404, HttpError, ValidationError):  # ninja has more specific handlers of its own
    api.add_exception_handler(kind, tell_error)

"""Error class -> HTTP status, API code and WebSocket close code, and the one form that all errors are told in.

The map is total over the domain's and the sandbox's errors; a test walks the classes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import psycopg
from django.core.exceptions import PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, JsonResponse, UnreadablePostError
from django.http.multipartparser import MultiPartParserError
from django.http.request import RawPostDataException
from ninja.errors import HttpError, ValidationError

from accounts import errors as domain
from accounts.wording import told
from config import outages
from environments.images import errors as images
from projects import errors as git
from sandbox.errors import SandboxError
from sessions.engine.cli import CliMissing

MAX_DETAILS = 50
RETRY_AFTER_S = 2
DATABASE_AWAY = (OperationalError, InterfaceError, psycopg.OperationalError)
AWAY = "The database does not answer at the moment. Nothing was lost; try again in a few seconds."


class NotReady(Exception):
    """The server cannot work at the moment."""

    def __init__(self, down: Sequence[str] = ()) -> None:
        super().__init__(f"The server cannot work at the moment: {', '.join(down) or 'not ready'}.")
        self.down = list(down)


@dataclass(frozen=True)
class Answer:
    status: int
    code: str
    close_code: int = 4400


ANSWERS: dict[type[Exception], Answer] = {
    domain.Invalid: Answer(400, "validation_error"),
    domain.Unprocessable: Answer(422, "validation_error"),
    domain.Unauthenticated: Answer(401, "unauthorized", 4401),
    domain.QuotaExceeded: Answer(402, "quota_exceeded"),
    domain.Forbidden: Answer(403, "forbidden", 4403),
    domain.NotFound: Answer(404, "not_found", 4404),
    domain.Conflict: Answer(409, "conflict"),
    domain.RateLimited: Answer(429, "rate_limited", 1013),
    git.GitError: Answer(500, "system_error", 1011),
    git.GitTimeout: Answer(408, "timeout"),
    git.GitTooLarge: Answer(413, "validation_error"),
    git.ImportStopped: Answer(409, "conflict"),
    images.BuildStopped: Answer(409, "conflict"),
    git.ImportHalted: Answer(503, "unavailable", 1013),
    CliMissing: Answer(503, "unavailable", 1011),
    SandboxError: Answer(502, "sandbox_error", 1011),
    NotReady: Answer(503, "unavailable", 1013),
    OperationalError: Answer(503, "unavailable", 1013),
    InterfaceError: Answer(503, "unavailable", 1013),
    psycopg.OperationalError: Answer(503, "unavailable", 1013),
    RequestDataTooBig: Answer(413, "validation_error"),
}
SYSTEM_ERROR = Answer(500, "system_error", 1011)
CODES = {answer.status: answer.code for answer in [*ANSWERS.values(), SYSTEM_ERROR, Answer(405, "method_not_allowed")]}
MESSAGES = {
    400: "The request is not valid.",
    401: domain.Unauthenticated().message,
    403: domain.Forbidden().message,
    404: domain.NotFound().message,
    405: "This address does not take this method.",
    413: "The request is too large.",
    429: "Too many requests; wait a little.",
    500: "Something went wrong on our side. The request id helps us to find out what.",
}
BAD_REQUESTS = (SuspiciousOperation, MultiPartParserError, UnreadablePostError, RawPostDataException)


def answer_for(error: Exception) -> Answer:
    """The most specific answer along the error's classes."""
    return next((ANSWERS[kind] for kind in type(error).__mro__ if kind in ANSWERS), SYSTEM_ERROR)


@dataclass(frozen=True)
class Problem:
    """What a client is told about an error."""

    status: int
    code: str
    message: str
    details: list[dict[str, Any]] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)

    def told(self) -> Problem:
        """The same in the reader's language; the code stays."""
        details = [{**detail, "message": told(str(detail.get("message", "")))} for detail in self.details]
        return replace(self, message=told(self.message), details=details)

    def response(self, request: HttpRequest) -> JsonResponse:
        problem = self.told()
        body = {
            "error": problem.code,
            "message": problem.message,
            "details": problem.details,
            "request_id": getattr(request, "request_id", ""),
        }
        return JsonResponse(body, status=self.status, headers=self.headers)


def problem_for_status(status: int) -> Problem:
    """What is told when only the status is known."""
    code = CODES.get(status) or ("validation_error" if status < 500 else SYSTEM_ERROR.code)
    return Problem(status, code, MESSAGES.get(status) or MESSAGES[400 if status < 500 else 500])


def problem_of(error: Exception) -> Problem:
    """What a client is told about any exception; nothing internal for those that nobody foresaw."""
    if isinstance(error, HttpError) and isinstance(error.__cause__, (domain.DomainError, SuspiciousOperation)):
        return problem_of(error.__cause__)  # ninja wraps what its parser raises
    if isinstance(error, ValidationError):
        return _problem_of_fields(error)
    if isinstance(error, HttpError):
        return problem_for_status(error.status_code)
    if isinstance(error, Http404):
        return problem_for_status(404)
    if isinstance(error, PermissionDenied):
        return problem_for_status(403)
    answer = answer_for(error)
    if answer is SYSTEM_ERROR:
        return problem_for_status(400 if isinstance(error, BAD_REQUESTS) else 500)
    if isinstance(error, DATABASE_AWAY):
        return unavailable()
    if isinstance(error, NotReady):
        details = [{"field": name, "message": "This is down."} for name in error.down]
        return Problem(answer.status, answer.code, str(error), details, {"Retry-After": str(RETRY_AFTER_S)})
    if isinstance(error, domain.DomainError):
        return Problem(answer.status, answer.code, error.message, error.details, _headers(error))
    return Problem(answer.status, answer.code, MESSAGES.get(answer.status) or str(error) or (type(error).__doc__ or ""))


def unavailable() -> Problem:
    """What is told while the database is away; its own words name hosts and stay in the log."""
    outages.drop_dead_connections()
    answer = ANSWERS[OperationalError]
    return Problem(answer.status, answer.code, AWAY, headers={"Retry-After": str(RETRY_AFTER_S)})


def _headers(error: domain.DomainError) -> dict[str, str]:
    if isinstance(error, domain.RateLimited):
        return {"Retry-After": str(max(1, math.ceil(error.retry_after_s)))}
    return {"WWW-Authenticate": "Bearer"} if isinstance(error, domain.Unauthenticated) else {}


def _problem_of_fields(error: ValidationError) -> Problem:
    """Bad fields, by their path below the body or query; a malformed id in the path is a row that is not there."""
    if any(entry["loc"][0] == "path" for entry in error.errors):
        return problem_for_status(404)
    details = [{"field": _field(entry["loc"]), "message": _message(entry)} for entry in error.errors[:MAX_DETAILS]]
    first = ": ".join(part for part in details[0].values() if part) if details else MESSAGES[400]
    return Problem(400, "validation_error", first, details)


def _field(location: tuple[Any, ...]) -> str:
    # ninja puts the source ("body") and the handler's parameter name before the field's own path.
    own = location[2:] if len(location) > 2 else location[1:]
    return ".".join(str(part)[:100] for part in own)


def _message(entry: dict[str, Any]) -> str:
    return str(entry["msg"]).removeprefix("Value error, ")[:500]

"""The map from error classes to answers, and what clients are told."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.http import Http404, HttpRequest
from ninja.errors import HttpError, ValidationError

from accounts import errors as domain
from config import api as frame
from config.errors import ANSWERS, SYSTEM_ERROR, NotReady, Problem, answer_for, problem_for_status, problem_of
from sandbox.errors import SandboxError, SandboxGone

ROOT = Path(__file__).resolve().parent.parent.parent


def subclasses(kind: type[Exception]) -> Iterator[type[Exception]]:
    for child in kind.__subclasses__():
        yield child
        yield from subclasses(child)


def blank(kind: type[Exception]) -> Exception:
    """An instance without running constructors that want data."""
    return kind.__new__(kind)


class TestAnswerFor:
    def test_knows_every_error_of_the_domain_and_the_sandbox(self) -> None:
        for path in ROOT.glob("*/errors.py"):
            if path.parent.name not in ("guest", "config"):
                __import__(f"{path.parent.name}.errors")

        unmapped = [kind for base in (domain.DomainError, SandboxError) for kind in subclasses(base)]
        unmapped = [kind for kind in unmapped if answer_for(blank(kind)) is SYSTEM_ERROR]

        assert unmapped == []

    def test_takes_the_most_specific_class(self) -> None:
        assert answer_for(domain.Unprocessable()).status == 422
        assert answer_for(domain.Invalid()).status == 400
        assert answer_for(domain.OrganizationSuspended()).status == 403

    def test_names_close_codes(self) -> None:
        codes = {kind: ANSWERS[kind].close_code for kind in (domain.Unauthenticated, domain.Forbidden, domain.NotFound)}

        assert list(codes.values()) == [4401, 4403, 4404]


class TestProblemOf:
    @pytest.mark.parametrize(
        ("error", "status", "code"),
        [
            (domain.Invalid(), 400, "validation_error"),
            (domain.Unprocessable(), 422, "validation_error"),
            (domain.Unauthenticated(), 401, "unauthorized"),
            (domain.QuotaExceeded(), 402, "quota_exceeded"),
            (domain.Forbidden(), 403, "forbidden"),
            (domain.NotFound(), 404, "not_found"),
            (domain.Conflict(), 409, "conflict"),
            (domain.RateLimited(retry_after_s=3), 429, "rate_limited"),
            (SandboxGone(), 502, "sandbox_error"),
            (NotReady(), 503, "unavailable"),
            (Http404("secret path"), 404, "not_found"),
            (PermissionDenied("secret"), 403, "forbidden"),
            (SuspiciousOperation("secret"), 400, "validation_error"),
            (HttpError(405, "secret"), 405, "method_not_allowed"),
            (RuntimeError("secret"), 500, "system_error"),
            (KeyError("secret"), 500, "system_error"),
        ],
    )
    def test_gives_status_and_code_and_leaks_nothing(self, error: Exception, status: int, code: str) -> None:
        problem = problem_of(error)

        assert (problem.status, problem.code) == (status, code)
        assert problem.message
        assert "secret" not in problem.message

    def test_says_the_same_for_all_that_is_not_there(self) -> None:
        path = ValidationError([{"loc": ("path", "id"), "msg": "no uuid", "type": "uuid"}])

        assert problem_of(domain.NotFound()) == problem_of(Http404()) == problem_of(path) == problem_for_status(404)

    def test_names_the_fields(self) -> None:
        error = ValidationError([{"loc": ("body", "body", "items", 0, "name"), "msg": "Value error, no", "type": "x"}])

        assert problem_of(error).details == [{"field": "items.0.name", "message": "no"}]

    def test_says_when_to_come_back(self) -> None:
        assert problem_of(domain.RateLimited(retry_after_s=7)).headers == {"Retry-After": "7"}

    def test_finds_the_reason_of_what_ninja_wraps(self) -> None:
        wrapped = HttpError(400, "Cannot parse request body")
        wrapped.__cause__ = domain.Invalid("The body is not valid JSON.")

        assert problem_of(wrapped).message == "The body is not valid JSON."


class TestTellError:
    def test_logs_the_traceback_and_tells_the_request_id(self, caplog: pytest.LogCaptureFixture) -> None:
        request: Any = HttpRequest()
        request.request_id = "a-request"
        try:
            raise RuntimeError("the secret inside")
        except RuntimeError as error:
            response = frame.tell_error(request, error)

        body = json.loads(response.content)
        assert response.status_code == 500
        assert body["request_id"] == "a-request"
        assert "secret" not in str(body)
        assert "the secret inside" in str(caplog.records[-1].msg)

    def test_has_one_form(self) -> None:
        body = json.loads(Problem(400, "validation_error", "No.").response(HttpRequest()).content)

        assert list(body) == ["error", "message", "details", "request_id"]

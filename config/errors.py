"""Domain error class -> HTTP status, API code and WebSocket close code. The map is total; a test walks the classes."""

from __future__ import annotations

from dataclasses import dataclass

from accounts import errors as domain


@dataclass(frozen=True)
class Answer:
    status: int
    code: str
    close_code: int = 4400


ANSWERS: dict[type[Exception], Answer] = {
    domain.Invalid: Answer(400, "validation_error"),
    domain.Unauthenticated: Answer(401, "unauthorized", 4401),
    domain.QuotaExceeded: Answer(402, "quota_exceeded"),
    domain.Forbidden: Answer(403, "forbidden", 4403),
    domain.NotFound: Answer(404, "not_found", 4404),
    domain.Conflict: Answer(409, "conflict"),
    domain.RateLimited: Answer(429, "rate_limited", 1013),
}
SYSTEM_ERROR = Answer(500, "system_error", 1011)


def answer_for(error: Exception) -> Answer:
    """The most specific answer along the error's classes."""
    return next((ANSWERS[kind] for kind in type(error).__mro__ if kind in ANSWERS), SYSTEM_ERROR)

"""Errors of the domain; every app derives its own from here.

    DomainError
    ├── NotFound            no such row, or a row of another organisation: the two cannot be told apart
    ├── Forbidden           the row is visible, the role is too low
    │   ├── CsrfFailed              a browser session wrote without the CSRF token
    │   └── OrganizationSuspended   the operator has suspended the organisation
    ├── Unauthenticated     no valid credentials
    ├── Invalid             bad input; `details` names the fields
    │   └── Unprocessable   well-formed, but nothing can be done with it (an empty prompt)
    ├── Conflict            the state changed meanwhile, or does not allow it
    │   ├── LastOwner       an organisation cannot be without an owner
    │   └── TokenIdTaken    this id belongs to another token
    ├── QuotaExceeded       a budget or limit of the organisation is used up
    └── RateLimited         too many requests; `retry_after_s`

`config/errors.py` maps each class to its HTTP status, code and WebSocket close code.
"""

from __future__ import annotations

from typing import Any, Self


class DomainError(Exception):
    """Something went wrong."""

    def __init__(self, message: str = "", *, details: list[dict[str, Any]] | None = None) -> None:
        self.message = message or (type(self).__doc__ or "").strip()
        self.details = details or []
        super().__init__(self.message)


class NotFound(DomainError):
    """There is no such thing, or you have no access to it."""


class Forbidden(DomainError):
    """Your role in this organisation does not allow this."""


class CsrfFailed(Forbidden):
    """The CSRF token is missing or wrong. Reload the page; programs send an API token instead."""


class OrganizationSuspended(Forbidden):
    """This organisation is suspended. Write to whoever runs this server."""


class Unauthenticated(DomainError):
    """Sign in, or send a valid API token."""


class Invalid(DomainError):
    """The request is not valid."""

    @classmethod
    def field(cls, name: str, message: str) -> Self:
        """One bad field: `details` is `[{"field": name, "message": message}]`."""
        return cls(message, details=[{"field": name, "message": message}])


class Unprocessable(Invalid):
    """There is nothing to do with this input."""


class Conflict(DomainError):
    """This is not possible in the present state."""


class LastOwner(Conflict):
    """An organisation needs an owner: make someone else owner first."""


class TokenIdTaken(Conflict):
    """This id belongs to another token, or to one that was revoked; make a new one."""


class QuotaExceeded(DomainError):
    """A limit of your organisation is reached."""


class RateLimited(DomainError):
    """Too many requests; wait a little."""

    def __init__(self, message: str = "", *, retry_after_s: int) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s

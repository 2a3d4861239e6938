"""What the gateway answers instead of the vendor, in the shape that the vendor's clients understand.

The statuses are chosen by what Claude Code does with them (seen with 2.1.329): it repeats 401, 429 and 5xx for minutes
unless `x-should-retry: false` says that this is useless, and shows the message of a 400 at once.
"""

from __future__ import annotations

import json

NO_RETRY = (("x-should-retry", "false"),)


class Refused(Exception):
    """The gateway does not pass this call on."""

    def __init__(
        self, status: int, kind: str, message: str, *, headers: tuple[tuple[str, str], ...] = NO_RETRY
    ) -> None:
        super().__init__(message)
        self.status = status
        self.kind = kind
        self.message = message
        self.headers = headers

    def body(self) -> bytes:
        """The vendor's error form."""
        return json.dumps({"type": "error", "error": {"type": self.kind, "message": self.message}}).encode()


def bad_request(message: str) -> Refused:
    return Refused(400, "invalid_request_error", message)


def unknown_token() -> Refused:
    return Refused(
        401, "authentication_error", "This session's access to models has ended. Send the session a new message."
    )


def expired_token() -> Refused:
    """Worth repeating: whoever follows the agent extends the token within seconds, say after a jump of the clock."""
    refused = unknown_token()
    return Refused(refused.status, refused.kind, refused.message, headers=(("retry-after", "5"),))


def not_offered(path: str) -> Refused:
    return Refused(404, "not_found_error", f"{path[:100]} is not offered here; only /v1/messages is.")


def unknown_model(name: str, offered: list[str]) -> Refused:
    return Refused(404, "not_found_error", f"model: {name[:100]} is not offered here; there is {', '.join(offered)}.")


def too_large(limit_bytes: int) -> Refused:
    return Refused(413, "request_too_large", f"A request may have {limit_bytes // 2**20} MiB.")


def budget_spent(spent: str, limit: str) -> Refused:
    message = (
        f"The organisation's model budget of this month is used up: {spent} of {limit} USD. An admin can raise it."
    )
    return Refused(400, "invalid_request_error", message)


def budget_in_use() -> Refused:
    message = "What is left of the organisation's model budget is held by calls that are under way."
    return Refused(429, "rate_limit_error", message, headers=(("retry-after", "5"),))


def too_many_calls() -> Refused:
    message = "This session has too many model calls under way."
    return Refused(429, "rate_limit_error", message, headers=(("retry-after", "1"),))


def key_unreadable() -> Refused:
    return Refused(500, "api_error", "The model key of this session cannot be read; an admin must enter it again.")


def key_ran_out() -> Refused:
    message = "The credential of this session's environment has run out. An admin must store another one, or remove it."
    return Refused(400, "invalid_request_error", message)


def unreachable() -> Refused:
    return Refused(502, "api_error", "The model vendor could not be reached.", headers=())


def bad_answer() -> Refused:
    return Refused(
        502, "api_error", "The model vendor's address answered with a redirect; the server's settings are wrong."
    )


def failed() -> Refused:
    return Refused(500, "api_error", "The gateway failed; the server's log says why.", headers=())

"""The frames of the session socket: what clients send, and how errors are told. ARCHITECTURE.md lists all of them."""

from __future__ import annotations

import json
import uuid
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, ValidationError

from accounts import errors
from accounts.errors import DomainError, Invalid
from accounts.wording import told

# The API's codes and close codes, which live above this app; a test compares the two.
CODES: dict[type[DomainError], tuple[str, int]] = {
    errors.Invalid: ("validation_error", 4400),
    errors.Unauthenticated: ("unauthorized", 4401),
    errors.QuotaExceeded: ("quota_exceeded", 4400),
    errors.Forbidden: ("forbidden", 4403),
    errors.NotFound: ("not_found", 4404),
    errors.Conflict: ("conflict", 4400),
    errors.RateLimited: ("rate_limited", 1013),
}
INTERNAL_ERROR, TRY_AGAIN_LATER = 1011, 1013
SILENT = 4408  # nothing came from the client for too long, pongs included


class BadFrame(Invalid):
    """This frame is not valid."""

    def __init__(self, message: str = "", *, reply_to: Any = None, **options: Any) -> None:
        super().__init__(message, **options)
        self.reply_to = reply_to


class ClientFrame(BaseModel):
    """`id` is the client's own mark for a request; what answers it carries the same as `reply_to`."""

    id: Annotated[str, Field(max_length=100)] | int | None = None


class MessageFrame(ClientFrame):
    """`message_id` makes sending it again harmless; without it the frame's `id` serves when it is a UUID.

    With `now`, what runs is interrupted for it.
    """

    text: str
    message_id: uuid.UUID | None = None
    attachments: Annotated[list[uuid.UUID], Field(max_length=100)] = []
    now: bool = False


class ApproveFrame(ClientFrame):
    permission_id: uuid.UUID
    answers: dict[str, str] = {}
    always: bool = False
    scope: Literal["session", "project"] = "session"
    only: list[str] = []
    mode: str = ""


class DenyFrame(ClientFrame):
    permission_id: uuid.UUID
    reason: str = ""


class AnswerFrame(ClientFrame):
    permission_id: uuid.UUID
    answers: dict[str, str]


class InterruptFrame(ClientFrame):
    """With a job's id only that turn is meant, so that it can be repeated; so it can when the frame's id is a UUID."""

    job_id: uuid.UUID | None = None


class CancelFrame(ClientFrame):
    """Can be repeated as `InterruptFrame` can."""

    job_id: uuid.UUID | None = None


class PingFrame(ClientFrame):
    pass


class PongFrame(ClientFrame):
    pass


CLIENT_FRAMES: dict[str, type[ClientFrame]] = {
    "message": MessageFrame,
    "approve": ApproveFrame,
    "deny": DenyFrame,
    "answer": AnswerFrame,
    "interrupt": InterruptFrame,
    "cancel": CancelFrame,
    "ping": PingFrame,
    "pong": PongFrame,
}


def parse(text: str) -> tuple[str, ClientFrame]:
    """The type and the checked frame. Raises: BadFrame, with the frame's id where it had one."""
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadFrame("A frame is one JSON object.") from error
    if not isinstance(data, dict):
        raise BadFrame("A frame is one JSON object.")
    reply_to = data.get("id") if isinstance(data.get("id"), str | int) else None
    kind = data.get("type")
    model = CLIENT_FRAMES.get(kind) if isinstance(kind, str) else None
    if model is None or not isinstance(kind, str):
        raise BadFrame("There is no such type of frame.", reply_to=reply_to)
    try:
        return kind, model.model_validate(data)
    except ValidationError as error:
        details = [{"field": ".".join(map(str, item["loc"])), "message": item["msg"]} for item in error.errors()]
        raise BadFrame(details=details[:10], reply_to=reply_to) from error


def close_code(error: DomainError) -> int:
    return next((CODES[kind][1] for kind in type(error).__mro__ if kind in CODES), INTERNAL_ERROR)


def error_frame(error: DomainError, reply_to: Any = None) -> dict[str, Any]:
    code = next((CODES[kind][0] for kind in type(error).__mro__ if kind in CODES), "system_error")
    details = [{**detail, "message": told(str(detail.get("message", "")))} for detail in error.details]
    frame = {"type": "error", "error": code, "message": told(error.message), "details": details}
    return frame if reply_to is None else {**frame, "reply_to": reply_to}

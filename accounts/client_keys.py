"""The ids that clients make, so that a request can be repeated: in the body, or as the header `Idempotency-Key`."""

from __future__ import annotations

import uuid

from accounts.auth import ActorRequest
from accounts.errors import Invalid

HEADER = "Idempotency-Key"


def client_key(request: ActorRequest, given: uuid.UUID | None, field: str = "id") -> uuid.UUID | None:
    """The id that the client made; None when it made none.

    Raises: Invalid (the header is no UUID, or another one than the body's).
    """
    text = request.headers.get(HEADER)
    if text is None:
        return given
    try:
        key = uuid.UUID(text)
    except ValueError as error:
        raise Invalid.field(HEADER, f"{HEADER} is a UUID that you make for each request.") from error
    if given is not None and given != key:
        raise Invalid.field(field, f"This id and {HEADER} are not the same; send one of them.")
    return key

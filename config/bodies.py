"""How large the body of a request may be, by its address, and what is said of one that is too large."""

from __future__ import annotations

import json
import re

import structlog
from django.conf import settings
from uuid_utils.compat import uuid7

logger = structlog.get_logger(__name__)

FORM_BYTES = 2**20
MAX_BODY_BYTES = 33 * 2**20  # of a request; the largest are model calls
_CONTEXT = re.compile(rb"/api/environments/[0-9a-f-]{36}/dockerfile")


def refusal(path: bytes) -> tuple[str, bytes]:
    """The id of a request that is too large, and what is said about it."""
    id = uuid7().hex
    logger.warning("request_too_large", request_id=id, path=path.decode("ascii", "replace")[:200])
    told = {"error": "validation_error", "message": "The request is too large.", "details": [], "request_id": id}
    return id, json.dumps(told).encode()


def most_bytes(path: bytes) -> int:
    """Of the body of a request to this address; what is around a file is small."""
    if path == b"/api/projects/upload":
        return int(settings.UPLOAD_MAX_BYTES) + FORM_BYTES
    if _CONTEXT.fullmatch(path):
        return int(settings.BUILD_CONTEXT_MAX_BYTES) + FORM_BYTES
    return MAX_BODY_BYTES

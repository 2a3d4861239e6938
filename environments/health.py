"""Whether an environment can run sessions right now; answers are kept for 30 seconds."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.cache import cache

from environments import configs
from environments.errors import KindNotAvailable
from environments.models import Environment
from sandbox import bubblewrap
from sandbox.errors import BackendUnavailable

CACHE_S = 30


def status_of(environment: Environment) -> dict[str, Any]:
    """`{"available", "authenticated", "error", "details"}` of the environment."""
    key = f"environment-status:{environment.id}"
    status: dict[str, Any] | None = cache.get(key)
    if status is None:
        status = _status(environment)
        cache.set(key, status, CACHE_S)
    return status


def _status(environment: Environment) -> dict[str, Any]:
    try:
        configs.require_available(environment.kind)
    except KindNotAvailable as error:
        return {"available": False, "authenticated": False, "error": error.message, "details": {}}
    reason = ""
    try:
        bubblewrap.find()
    except BackendUnavailable as error:
        reason = str(error)
    is_available = not reason or settings.ALLOW_UNCONFINED
    return {
        "available": is_available,
        "authenticated": True,
        "error": "" if is_available else reason,
        "details": {"is_confined": not reason},
    }

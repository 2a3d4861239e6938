"""Whether an environment can run sessions right now; answers are kept for 30 seconds."""

from __future__ import annotations

import shutil
from typing import Any

from django.conf import settings
from django.core.cache import cache

from environments import configs
from environments.models import Environment

CACHE_S = 30


def status_of(environment: Environment) -> dict[str, Any]:
    """`{"available", "authenticated", "error", "details"}` of the environment."""
    key = f"environment-status:{environment.id}"
    status: dict[str, Any] | None = cache.get(key)
    if status is None:
        status = _host_status() if environment.kind in configs.AVAILABLE else _coming()
        cache.set(key, status, CACHE_S)
    return status


def _host_status() -> dict[str, Any]:
    confined = shutil.which("bwrap") is not None
    available = confined or settings.ALLOW_UNCONFINED
    error = (
        ""
        if available
        else "bubblewrap is missing: install it, or set SLIPWAY_ALLOW_UNCONFINED=1 to run without a sandbox."
    )
    return {"available": available, "authenticated": True, "error": error, "details": {"is_confined": confined}}


def _coming() -> dict[str, Any]:
    return {"available": False, "authenticated": False, "error": "This kind of environment is coming.", "details": {}}

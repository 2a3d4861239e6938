"""The server's own machine: is there what confines agents?"""

from __future__ import annotations

import asyncio

from django.conf import settings

from environments.models import Environment
from environments.probes.base import Status
from sandbox import bubblewrap
from sandbox.errors import BackendUnavailable


async def probe(environment: Environment) -> Status:
    reason = await asyncio.to_thread(_missing)
    is_available = not reason or settings.ALLOW_UNCONFINED
    return Status(is_available, error="" if is_available else reason, details={"is_confined": not reason})


def _missing() -> str:
    try:
        bubblewrap.find()
    except BackendUnavailable as error:
        return str(error)
    return ""

"""Whether environments can run sessions right now; answers are kept for 30 seconds."""

from __future__ import annotations

import asyncio
import hashlib
import json
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import asdict, replace
from functools import cache as cache_once
from importlib import import_module
from typing import Any

import structlog
from channels.db import database_sync_to_async as in_db
from django.core.cache import cache
from django.utils import timezone

from environments import configs
from environments.errors import KindNotAvailable
from environments.models import Environment, EnvironmentKind
from environments.probes import Probe, Status
from gateway import keys
from sandbox.errors import SandboxError

logger = structlog.get_logger(__name__)

CACHE_S = 30
PROBE_S = 5.0
RAN_OUT = "The credential that is stored for this environment has run out. Store another one, or remove it."

# Modules of `environments.probes`, each with a `probe`; imported on first use, since some of their libraries are large.
PROBES: Mapping[str, str] = {
    EnvironmentKind.HOST: "host",
    EnvironmentKind.DOCKER: "docker",
    EnvironmentKind.MODAL: "modal",
    EnvironmentKind.SSH: "ssh",
}

Told = dict[str, Any]
"""`{"available", "authenticated", "error", "details", "checked_at"}`."""


async def statuses(environments: Iterable[Environment]) -> dict[uuid.UUID, Told]:
    """How each of them is; those that are not known are asked all at once, so that the slowest decides."""
    rows = {_key(one): one for one in environments}
    known: dict[str, Told] = await cache.aget_many(list(rows))
    missing = {key: one for key, one in rows.items() if key not in known}
    ran_out = await in_db(keys.ran_out)([one.pk for one in missing.values()], timezone.now()) if missing else set()
    asked = (_asked(one, has_run_out=one.pk in ran_out) for one in missing.values())
    found = dict(zip(missing, await asyncio.gather(*asked), strict=True))
    if found:
        await cache.aset_many(found, CACHE_S)
    return {one.pk: (known | found)[key] for key, one in rows.items()}


async def status_of(environment: Environment) -> Told:
    """How one of them is."""
    return (await statuses([environment]))[environment.pk]


def forget(environment: Environment) -> None:
    """Ask afresh the next time: something has happened that a status may tell of."""
    cache.delete(_key(environment))


def _key(environment: Environment) -> str:
    """Another configuration is another answer."""
    told = json.dumps([environment.kind, environment.config], sort_keys=True)
    return f"environment-status:{environment.pk}:{hashlib.sha256(told.encode()).hexdigest()[:16]}"


@cache_once
def _probe_of(kind: str) -> Probe:
    probe: Probe = import_module(f"environments.probes.{PROBES[kind]}").probe
    return probe


async def _asked(environment: Environment, *, has_run_out: bool) -> Told:
    status = await _status(environment)
    if has_run_out and status.available and status.authenticated:
        status = replace(status, authenticated=False, error=RAN_OUT)
    return {**asdict(status), "checked_at": timezone.now().isoformat()}


async def _status(environment: Environment) -> Status:
    try:
        configs.require_available(environment.kind, environment.config)
    except KindNotAvailable as error:
        return Status(False, False, error.message)
    try:
        probe = _probe_of(environment.kind)
        async with asyncio.timeout(PROBE_S):
            return await probe(environment)
    except TimeoutError:
        return Status(False, False, f"It did not answer within {PROBE_S:.0f} seconds.")
    except (SandboxError, OSError) as error:
        return Status(False, False, str(error)[:1000] or type(error).__name__)
    except Exception:
        logger.exception("environment_probe_failed", environment_id=str(environment.pk), kind=environment.kind)
        return Status(False, False, "It could not be looked at, by a fault of the server.")

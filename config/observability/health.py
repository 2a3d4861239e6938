"""Whether this process lives, and whether it can work; the answer never takes longer than a second."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from functools import cache
from typing import Any

import redis
from django.conf import settings
from django.db import connection, transaction
from django.db.migrations.loader import MigrationLoader
from django.http import HttpRequest
from ninja import Router, Schema

from config.env import env
from config.errors import NotReady
from config.observability.probes import Probe
from runtime import metrics

router = Router(tags=["health"], auth=None)

ANSWER_WITHIN_S = 0.8
REDIS_TIMEOUT_S = 0.5
LOW_BYTES = 2**30  # of the data folder: agents and imports will soon fail
FULL_BYTES = 64 * 2**20  # nothing can be kept any more


class HealthOut(Schema):
    status: str
    version: str


class ReadyOut(HealthOut):
    checks: dict[str, str]


class Degraded(Exception):
    """It works, but less well."""


@router.get("/health", response=HealthOut)
def health(request: HttpRequest) -> dict[str, str]:
    """The process answers."""
    return {"status": "ok", "version": settings.VERSION}


@router.get("/ready", response=ReadyOut)
def ready(request: HttpRequest) -> dict[str, Any]:
    """The process can work. 503 with Retry-After and what is down otherwise; `degraded` still works."""
    found = checks()
    down = [name for name, state in found.items() if state == "down"]
    if down:
        raise NotReady(down)
    status = "degraded" if "degraded" in found.values() else "ok"
    return {"status": status, "version": settings.VERSION, "checks": found}


def checks() -> dict[str, str]:
    """Each check's outcome: `ok`, `degraded` or `down`. One that does not answer in time is down, or degraded."""
    deadline = time.monotonic() + ANSWER_WITHIN_S
    pending = {name: (probe.start(), late) for name, (probe, late) in PROBES.items()}
    found = {}
    for name, (answer, late) in pending.items():
        try:
            answer.result(max(0.0, deadline - time.monotonic()))
            found[name] = "ok"
        except (Degraded, TimeoutError) as error:
            found[name] = "degraded" if isinstance(error, Degraded) else late
        except Exception:
            found[name] = late
        if found[name] != "ok":
            metrics.OUTAGES.labels(name).inc()
    return found


def check_database() -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("set local statement_timeout = 700")  # ms
        cursor.execute("select 1")


def check_migrations() -> None:
    """Every migration that this code knows has been applied; more of them are a newer version's, which is fine."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("set local statement_timeout = 700")  # ms
        cursor.execute("select app, name from django_migrations")
        missing = _known_migrations() - {(str(app), str(name)) for app, name in cursor.fetchall()}
    if missing:
        raise RuntimeError(f"{len(missing)} migrations are missing")


@cache
def _known_migrations() -> frozenset[tuple[str, str]]:
    loader = MigrationLoader(None, ignore_no_migrations=True)
    replaced = {key for migration in loader.disk_migrations.values() for key in migration.replaces}
    return frozenset(loader.disk_migrations) - replaced


def check_channels() -> None:
    """Without Redis everything goes on by polling."""
    if env.redis_url:
        with redis.Redis.from_url(
            env.redis_url, socket_timeout=REDIS_TIMEOUT_S, socket_connect_timeout=REDIS_TIMEOUT_S
        ) as client:
            client.ping()


def check_disk() -> None:
    free = shutil.disk_usage(settings.DATA_DIR).free
    if free < FULL_BYTES:
        raise RuntimeError("the disk of the data folder is full")
    if free < LOW_BYTES:
        raise Degraded


def _probe(check: Callable[[], None], late: str) -> tuple[Probe[None], str]:
    return Probe(check), late


PROBES = {
    "database": _probe(check_database, "down"),
    "migrations": _probe(check_migrations, "down"),
    "channels": _probe(check_channels, "degraded"),
    "disk": _probe(check_disk, "down"),
}

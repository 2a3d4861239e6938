"""`/metrics`, `/health` and `/ready` as a bare ASGI application: on the web, and on a worker's own listener.

Metrics are for whoever has `SLIPWAY_METRICS_TOKEN`; without one, for this machine only. Tenants never see them.
"""

from __future__ import annotations

import asyncio
import hmac
import ipaddress
import json
import re
import time
from collections.abc import Iterator

import structlog
from django.conf import settings
from prometheus_client import generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector, CollectorRegistry

from config.observability import health
from config.observability.figures import Figures, figures
from config.observability.probes import Probe
from config.sockets import Receive, Scope, Send
from runtime import metrics

logger = structlog.get_logger(__name__)

PATH = "/metrics"
ANSWER_WITHIN_S = 2.0
FORWARDED = re.compile(rb"forwarded|via|x-forwarded.*|x-real-ip|x-client-ip|true-client-ip|cf-.*|x-request-id")
LOOPBACK_HOST = re.compile(rb"(?:localhost|127\.0\.0\.1|\[::1\])(?::[0-9]+)?", re.IGNORECASE)

_figures: Probe[Figures] = Probe(figures)


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer one request."""
    if scope["type"] != "http":
        await send({"type": "websocket.close", "code": 4404})
        return
    status, kind, body = await asyncio.to_thread(_answer, scope)
    headers = [(b"content-type", kind.encode()), (b"cache-control", b"no-store")]
    headers += [(b"www-authenticate", b"Bearer")] if status == 401 else []
    headers += [(b"retry-after", b"2")] if status == 503 else []
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body if scope["method"] != "HEAD" else b""})


def _answer(scope: Scope) -> tuple[int, str, bytes]:
    if scope["method"] not in ("GET", "HEAD"):
        return 405, "text/plain", b"This address does not take this method.\n"
    match scope["path"]:
        case "/metrics":
            refusal = _refusal(scope)
            return (refusal, "text/plain", b"\n") if refusal else (200, metrics.CONTENT_TYPE, scrape())
        case "/health":
            return 200, "application/json", json.dumps({"status": "ok", "version": settings.VERSION}).encode()
        case "/ready":
            checks = health.checks()
            is_down = "down" in checks.values()
            status = "down" if is_down else "degraded" if "degraded" in checks.values() else "ok"
            answer = {"status": status, "version": settings.VERSION, "checks": checks}
            return 503 if is_down else 200, "application/json", json.dumps(answer).encode()
    return 404, "text/plain", b"\n"


def _refusal(scope: Scope) -> int:
    """The status that an unwelcome reader gets; 0 for a welcome one."""
    headers = dict(scope["headers"])
    if settings.METRICS_TOKEN:
        sent = headers.get(b"authorization", b"").decode("latin-1")
        wanted = f"Bearer {settings.METRICS_TOKEN}"
        return 0 if hmac.compare_digest(sent.encode(), wanted.encode()) else 401
    # A proxy on this machine is loopback too, but says that it is one, or passes on the public name.
    is_direct = not any(map(FORWARDED.fullmatch, headers)) and LOOPBACK_HOST.fullmatch(headers.get(b"host", b""))
    return 0 if is_direct and _is_loopback(scope) else 404


def _is_loopback(scope: Scope) -> bool:
    client = scope.get("client")
    try:
        return client is not None and ipaddress.ip_address(client[0]).is_loopback
    except ValueError:
        return False


def scrape() -> bytes:
    """What this process counts, and how the whole deployment stands as far as the database says it in time."""
    return metrics.exposition() + generate_latest(_deployment)


class DeploymentCollector(Collector):
    """Gauges made from the database at each scrape; they are the same from every process."""

    def describe(self) -> list[Metric]:
        return []  # no question to the database when it is registered

    def collect(self) -> Iterator[Metric]:
        began = time.monotonic()
        try:
            found = _figures.start().result(ANSWER_WITHIN_S)
        except Exception as error:
            logger.warning("figures_unavailable", error=type(error).__name__)
            yield GaugeMetricFamily("slipway_database_up", UP, 0)
            return
        yield GaugeMetricFamily("slipway_database_up", UP, 1)
        yield GaugeMetricFamily("slipway_scrape_seconds", "Seconds to count all that.", time.monotonic() - began)
        yield from _families(found)


UP = "Whether the database told the figures of the deployment in time."


def _families(found: Figures) -> Iterator[Metric]:
    for name, help, counts in (
        ("jobs", "Jobs that are not over: waiting for their place, admitted, running.", found.jobs),
        ("tasks", "Tasks in the queue.", found.tasks),
        ("sessions", "Sessions by what they show.", found.sessions),
        ("machines", "Sandboxes by state.", found.machines),
    ):
        family = GaugeMetricFamily(f"slipway_{name}", help, labels=["state"])
        for state, count in counts.items():
            family.add_metric([state.lower()], count)
        yield family
    yield GaugeMetricFamily(
        "slipway_oldest_waiting_seconds", "Age of the oldest job that has not begun.", found.oldest_waiting_s
    )
    yield GaugeMetricFamily(
        "slipway_permissions_waiting", "Permission requests that nobody has answered.", found.permissions
    )
    yield GaugeMetricFamily("slipway_workers", "Workers whose heart beats.", found.workers)


_deployment = CollectorRegistry()
_deployment.register(DeploymentCollector())

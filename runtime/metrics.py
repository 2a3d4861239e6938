"""What this process counts, as Prometheus reads it; labels come from closed sets, and never from a tenant."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.exposition import CONTENT_TYPE_LATEST

REGISTRY = CollectorRegistry(auto_describe=True)
ProcessCollector(registry=REGISTRY)
GCCollector(registry=REGISTRY)

CONTENT_TYPE = CONTENT_TYPE_LATEST
QUICK = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)  # seconds
LONG = (0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600, 14400)
MAX_LABEL = 100  # characters


def _counter(name: str, help: str, *labels: str) -> Counter:
    return Counter(f"slipway_{name}", help, labels, registry=REGISTRY)


def _gauge(name: str, help: str, *labels: str) -> Gauge:
    return Gauge(f"slipway_{name}", help, labels, registry=REGISTRY)


def _histogram(name: str, help: str, *labels: str, buckets: tuple[float, ...] = QUICK) -> Histogram:
    return Histogram(f"slipway_{name}", help, labels, buckets=buckets, registry=REGISTRY)


INFO = _gauge("info", "Always 1; which version this process runs.", "version", "role")

# Web
REQUESTS = _counter("http_requests", "HTTP requests answered.", "method", "route", "status")
REQUEST_SECONDS = _histogram("http_request_seconds", "Seconds to the first byte of an answer.", "method", "route")
STREAMS_OPEN = _gauge("streams_open", "WebSocket and SSE connections that are open.", "kind")
STREAMS_OPENED = _counter(
    "streams_opened", "Connections opened; resumed ones named a number of the log.", "kind", "is_resumed"
)
STREAMS_CLOSED = _counter("streams_closed", "Connections closed, by close code (SSE: end or left).", "kind", "code")
RATE_LIMITED = _counter("rate_limited", "Requests to the API refused for being too many.")

# Jobs
JOB_WAIT_SECONDS = _histogram("job_wait_seconds", "Seconds from a job's creation to its start.", buckets=LONG)
JOB_SECONDS = _histogram("job_seconds", "Seconds from a job's start to its end.", "outcome", buckets=LONG)
WORKER_RESTARTS = _counter("worker_restarts", "Times the job worker ended and was started again.")
JOBS_RESCUED = _counter("jobs_rescued", "Jobs taken from dead workers, or found without a task.", "kind")
FINDINGS = _counter("reconciler_findings", "What the reconciler found amiss and put right.", "kind")

# Sandboxes
SANDBOX_SECONDS = _histogram(
    "sandbox_seconds", "Seconds of a sandbox operation that worked.", "backend", "operation", buckets=LONG
)
SANDBOX_FAILURES = _counter("sandbox_failures", "Sandbox operations that failed.", "backend", "operation", "error")

# The event log
EVENTS = _counter("events", "Events appended to the log.", "kind")
EVENT_APPEND_SECONDS = _histogram("event_append_seconds", "Seconds to commit one batch of events.")
EVENT_LAG_SECONDS = _histogram("event_lag_seconds", "Seconds from a commit of events to a process with readers.")

# Model gateway
MODEL_CALLS = _counter("model_calls", "Model calls by the vendor's status (0: no answer).", "model", "status")
MODEL_SECONDS = _histogram(
    "model_call_seconds", "Seconds from a model call to the end of its answer.", "model", buckets=LONG
)
MODEL_TOKENS = _counter("model_tokens", "Tokens metered.", "model", "kind")
MODEL_USD = _counter("model_usd", "Money metered, in USD.", "model")
MODEL_ERRORS = _counter("model_errors", "Model calls that got no whole answer, by what went wrong.", "error")
MODEL_REFUSED = _counter("model_refused", "Model calls refused by the gateway: budget, token, upstream away.", "status")

# What the process stands on
OUTAGES = _counter("outages", "Requests, jobs and rings that met a dependency that was away.", "dependency")
ERRORS = _counter("errors", "Log lines of level ERROR or worse.", "logger")


def exposition() -> bytes:
    """Everything this process counts, in Prometheus' text format."""
    return generate_latest(REGISTRY)


@contextmanager
def sandbox_operation(backend: str, operation: str) -> Iterator[None]:
    """Time an operation on a sandbox; one that fails is counted by the class of its error."""
    began = time.monotonic()
    try:
        yield
    except Exception as error:
        SANDBOX_FAILURES.labels(label(backend), operation, type(error).__name__).inc()
        raise
    SANDBOX_SECONDS.labels(label(backend), operation).observe(time.monotonic() - began)


def label(value: str) -> str:
    """A label's value, short and printable."""
    return "".join(char if char.isprintable() else "?" for char in value[:MAX_LABEL])

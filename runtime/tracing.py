"""Spans for whoever wants them: OpenTelemetry where an endpoint is configured, next to nothing where none is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

HINT = "pip install -r requirements/extras.txt"


class TracingUnavailable(RuntimeError):
    """Traces are asked for, but OpenTelemetry is not installed."""


class Span:
    """What the code inside a span may say about it; this one keeps nothing."""

    def rename(self, name: str) -> None:
        """Give it a better name, known only later."""

    def set(self, **attributes: str | int | float | bool) -> None:
        """Add attributes."""


class _Recording(Span):
    def __init__(self, span: Any) -> None:
        self._span = span

    def rename(self, name: str) -> None:
        self._span.update_name(name)

    def set(self, **attributes: str | int | float | bool) -> None:
        self._span.set_attributes(attributes)


_SILENT = Span()
_provider: Any = None
_tracer: Any = None


def configure(endpoint: str, *, service: str, version: str, headers: dict[str, str] | None = None) -> None:
    """Send spans to an OTLP collector over HTTP, `endpoint` without the `/v1/traces`.

    Raises: TracingUnavailable.
    """
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as error:
        raise TracingUnavailable(f"Traces need OpenTelemetry: {HINT}, or unset SLIPWAY_OTLP_ENDPOINT.") from error
    exporter = OTLPSpanExporter(endpoint=endpoint.rstrip("/") + "/v1/traces", headers=headers, timeout=5)
    record(BatchSpanProcessor(exporter), service=service, version=version)


def record(processor: Any, *, service: str, version: str) -> None:
    """Hand spans to a processor of OpenTelemetry's SDK from now on."""
    global _provider, _tracer
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider

    resource = Resource.create({"service.name": service, "service.version": version})
    _provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    _provider.add_span_processor(processor)
    _tracer = _provider.get_tracer("slipway", version)


def shutdown() -> None:
    """Send what is left, and record no more."""
    global _provider, _tracer
    if _provider is not None:
        _provider.shutdown()
    _provider = _tracer = None


@contextmanager
def span(name: str, *, parent: str = "", **attributes: str | int | float | bool) -> Iterator[Span]:
    """One piece of work; inside another span unless `parent`, a W3C traceparent, says otherwise."""
    if _tracer is None:
        yield _SILENT
        return
    context = _context_of(parent) if parent else None
    # OpenTelemetry would send an error's words and traceback, in which a tenant's words and secrets may stand.
    quiet = {"record_exception": False, "set_status_on_exception": False}
    with _tracer.start_as_current_span(name, context=context, attributes=attributes, **quiet) as current:
        try:
            yield _Recording(current)
        except Exception as error:
            _note_failure(current, error)
            raise


def _note_failure(current: Any, error: Exception) -> None:
    from opentelemetry.trace import Status, StatusCode

    current.set_status(Status(StatusCode.ERROR))
    current.set_attribute("error.type", type(error).__name__)


def traceparent() -> str:
    """The current span as a W3C traceparent, to be handed to another process; empty when there is none."""
    if _tracer is None:
        return ""
    carrier: dict[str, str] = {}
    _propagator().inject(carrier)
    return carrier.get("traceparent", "")


def _context_of(parent: str) -> Any:
    return _propagator().extract({"traceparent": parent})


def _propagator() -> Any:
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    return TraceContextTextMapPropagator()

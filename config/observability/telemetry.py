"""What a server process starts so that it can be seen into: error reports, traces, Sentry; ended in order."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import unquote, urlsplit

from django.conf import settings

from config.env import env
from config.observability import redaction, reports
from runtime import metrics, tracing

SENTRY_HINT = (
    "Error reports to Sentry need its SDK: pip install -r requirements/extras.txt, or unset SLIPWAY_SENTRY_DSN."
)


class TelemetryUnavailable(RuntimeError):
    """Something is to be sent elsewhere, but the package for it is not installed."""


@contextmanager
def running(role: str) -> Iterator[None]:
    """For the life of the server. `role` is web, worker or all.

    Raises: TelemetryUnavailable.
    """
    redaction.hide(own_secrets())
    metrics.INFO.labels(settings.VERSION, role).set(1)
    try:
        if env.otlp_endpoint:
            tracing.configure(
                env.otlp_endpoint, service=f"slipway-{role}", version=settings.VERSION, headers=env.otlp_headers
            )
    except tracing.TracingUnavailable as error:
        raise TelemetryUnavailable(str(error)) from error
    send = _sentry(env.sentry_dsn) if env.sentry_dsn else None
    reporter = reports.Reporter(role)
    reporter.start()
    try:
        yield
    finally:
        reporter.stop()
        if send is not None:
            send()
        tracing.shutdown()


def own_secrets() -> list[str]:
    """Every secret of the deployment that this process knows, so that no log line can hold one."""
    database = settings.DATABASES["default"].get("PASSWORD") or ""
    redis = unquote(urlsplit(env.redis_url).password or "")
    single = [settings.SECRET_KEY, settings.ANTHROPIC_API_KEY, settings.METRICS_TOKEN, settings.EMAIL_HOST_PASSWORD]
    return [*single, str(database), redis, *settings.ENCRYPTION_KEYS, *env.otlp_headers.values(), env.sentry_dsn]


def _sentry(dsn: str) -> Callable[[], None]:
    """Report errors to Sentry from now on; returns what sends the last ones and ends it.

    None of Sentry's own hooks are on: they would send headers, query strings and local variables.
    """
    try:
        import sentry_sdk
    except ImportError as error:
        raise TelemetryUnavailable(SENTRY_HINT) from error
    client = sentry_sdk.Client(
        dsn=dsn,
        release=f"slipway@{settings.VERSION}",
        default_integrations=False,
        include_local_variables=False,
        include_source_context=False,
        max_request_body_size="never",
        server_name="",
        shutdown_timeout=2,
    )

    def take(record: logging.LogRecord) -> None:
        client.capture_event(sentry_event(record, client.options))

    def end() -> None:
        reports.unlisten(take)
        client.close(timeout=2)

    reports.listen(take)
    return end


def sentry_event(record: logging.LogRecord, options: dict[str, Any]) -> Any:
    """The record as Sentry takes it: our fingerprint, our ids, the traceback, and nothing that we redact."""
    from sentry_sdk.utils import event_from_exception

    report = reports.report_of(record)
    said = record.msg if isinstance(record.msg, dict) else {}
    exc = reports.exc_info_of(record, said)
    event: dict[str, Any] = dict(event_from_exception(exc, client_options=options)[0]) if exc else {}
    event |= {
        "level": record.levelname.lower(),
        "logger": report.logger,
        "fingerprint": [report.fingerprint],
        "message": f"{report.event}: {report.detail}" if report.detail else report.event,
        "tags": dict(report.ids),
    }
    return redaction.redact(event, depth=-20)

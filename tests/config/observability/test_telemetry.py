"""What leaves the server when it is asked to: traces to a collector and errors to Sentry, over real HTTP."""

from __future__ import annotations

import gzip
import json
import logging
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import structlog
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from config.env import Env
from config.observability import telemetry
from runtime import metrics, tracing

SECRET = "hunter2hunter2"


class Collector(ThreadingHTTPServer):
    """Keeps what is posted to it."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Taker)
        self.posted: list[tuple[str, dict[str, str], bytes]] = []

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.server_port}"


class Taker(BaseHTTPRequestHandler):
    server: Collector

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body
        self.server.posted.append((self.path, dict(self.headers.items()), body))
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *args: Any) -> None:
        """Nothing on the terminal."""


@pytest.fixture
def collector() -> Iterator[Collector]:
    server = Collector()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join(5)


@pytest.fixture
def configured(monkeypatch: pytest.MonkeyPatch) -> Any:
    def configure(**values: Any) -> None:
        monkeypatch.setattr(telemetry, "env", Env(**values))

    return configure


def fail() -> None:
    kept_out = SECRET  # noqa: F841  # a local variable that must not travel
    raise RuntimeError(f"cannot reach https://bob:{SECRET}@git.example")


class TestTraces:
    def test_arrive_with_their_attributes(self, collector: Collector, configured: Any) -> None:
        configured(otlp_endpoint=f"http://{collector.address}", otlp_headers={"x-collector-key": "k"})

        with telemetry.running("worker"), tracing.span("job", session_id="s-1"):
            pass

        ((path, headers, body),) = collector.posted
        assert (path, headers["x-collector-key"]) == ("/v1/traces", "k")
        (resource,) = ExportTraceServiceRequest.FromString(body).resource_spans
        assert {one.key: one.value.string_value for one in resource.resource.attributes}[
            "service.name"
        ] == "slipway-worker"
        (span,) = resource.scope_spans[0].spans
        assert (span.name, span.attributes[0].value.string_value) == ("job", "s-1")

    def test_stop_with_the_server(self, collector: Collector, configured: Any) -> None:
        configured(otlp_endpoint=f"http://{collector.address}")
        with telemetry.running("web"):
            pass
        with tracing.span("late"):
            assert tracing.traceparent() == ""

    def test_a_missing_package_is_said_plainly(self, configured: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)
        configured(otlp_endpoint="http://127.0.0.1:1")

        with pytest.raises(telemetry.TelemetryUnavailable, match="SLIPWAY_OTLP_ENDPOINT"), telemetry.running("web"):
            pytest.fail("began")


class TestSentry:
    def event(self, collector: Collector) -> tuple[str, dict[str, Any]]:
        ((path, _, body),) = collector.posted
        return path, json.loads(body.split(b"\n")[2])

    def test_gets_an_error_with_its_ids_and_no_secret(
        self, transactional_db: None, collector: Collector, configured: Any
    ) -> None:
        configured(sentry_dsn=f"http://publickey@{collector.address}/7")
        logger = logging.getLogger("tests.telemetry")

        with telemetry.running("worker"), structlog.contextvars.bound_contextvars(session_id="s-1", request_id="r-1"):
            try:
                fail()
            except RuntimeError:
                logger.exception("turn broke with Bearer %s", SECRET)

        path, event = self.event(collector)
        assert path == "/api/7/envelope/"
        assert event["tags"] == {"session_id": "s-1", "request_id": "r-1"}
        assert event["exception"]["values"][0]["type"] == "RuntimeError"
        assert event["fingerprint"]
        frames = event["exception"]["values"][0]["stacktrace"]["frames"]
        assert frames[-1]["function"] == "fail"
        assert "vars" not in frames[-1]
        assert SECRET.encode() not in collector.posted[0][2]
        assert b"git.example" in collector.posted[0][2]

    def test_hears_nothing_of_mere_warnings(
        self, transactional_db: None, collector: Collector, configured: Any
    ) -> None:
        configured(sentry_dsn=f"http://publickey@{collector.address}/7")
        with telemetry.running("worker"):
            logging.getLogger("tests.telemetry").warning("careful")
        assert collector.posted == []

    def test_that_is_away_holds_nothing_up(self, transactional_db: None, configured: Any) -> None:
        configured(sentry_dsn="http://publickey@127.0.0.1:1/7")
        with telemetry.running("worker"):
            logging.getLogger("tests.telemetry").error("nobody hears this")

    def test_a_missing_package_is_said_plainly(self, configured: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "sentry_sdk", None)
        configured(sentry_dsn="http://publickey@127.0.0.1:1/7")

        with pytest.raises(telemetry.TelemetryUnavailable, match="SLIPWAY_SENTRY_DSN"), telemetry.running("web"):
            pytest.fail("began")


class TestInfo:
    def test_says_which_version_runs_as_what(self, settings: Any) -> None:
        with telemetry.running("all"):
            found = metrics.REGISTRY.get_sample_value("slipway_info", {"version": settings.VERSION, "role": "all"})
        assert found == 1

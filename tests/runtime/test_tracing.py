"""Spans with and without somebody who wants them."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from runtime import tracing

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture
def spans() -> Iterator[InMemorySpanExporter]:
    exporter = InMemorySpanExporter()
    tracing.record(SimpleSpanProcessor(exporter), service="test", version="0")
    yield exporter
    tracing.shutdown()


class TestWithoutCollector:
    def test_a_span_costs_nothing_and_says_nothing(self) -> None:
        with tracing.span("work", parent=PARENT, size=1) as span:
            span.rename("other")
            span.set(more=2)
            assert tracing.traceparent() == ""


class TestSpan:
    def test_is_kept_with_its_name_and_attributes(self, spans: InMemorySpanExporter) -> None:
        with tracing.span("work", size=1) as span:
            span.rename("GET /api/me")
            span.set(status=200)

        (found,) = spans.get_finished_spans()
        assert (found.name, dict(found.attributes or {})) == ("GET /api/me", {"size": 1, "status": 200})

    def test_goes_on_with_the_trace_of_another_process(self, spans: InMemorySpanExporter) -> None:
        with tracing.span("work", parent=PARENT):
            inside = tracing.traceparent()

        assert inside.split("-")[1] == PARENT.split("-")[1]
        assert inside != PARENT

    @pytest.mark.parametrize("parent", ["nonsense", "00-zz-zz-01", "\x00", "a" * 500])
    def test_a_malformed_parent_begins_a_trace_of_its_own(self, spans: InMemorySpanExporter, parent: str) -> None:
        with tracing.span("work", parent=parent):
            assert tracing.traceparent()
        assert spans.get_finished_spans()[0].parent is None

    def test_tells_of_an_error_and_passes_it_on(self, spans: InMemorySpanExporter) -> None:
        with pytest.raises(LookupError), tracing.span("work"):
            raise LookupError("what a tenant said")

        (found,) = spans.get_finished_spans()
        assert not found.status.is_ok
        assert dict(found.attributes or {}) == {"error.type": "LookupError"}
        assert "tenant" not in found.to_json()


class TestConfigure:
    def test_says_what_to_install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)

        with pytest.raises(tracing.TracingUnavailable, match=r"requirements/extras\.txt"):
            tracing.configure("http://127.0.0.1:1", service="s", version="0")
